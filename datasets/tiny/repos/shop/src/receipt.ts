import { Cart } from './cart.js';
import { sampleCatalog } from './catalog.js';
import { bestDiscount, everyNthFree, percentOff } from './discount.js';
import type { Discount } from './discount.js';
import { addMoney, formatMoney, scaleMoney } from './money.js';

export function renderReceipt(cart: Cart, discounts: readonly Discount[]): string {
  const rows = cart.lines().map((line) => {
    const price = scaleMoney(line.product.price, line.quantity);
    return `${line.quantity} x ${line.product.title}  ${formatMoney(price)}`;
  });
  const subtotal = cart.subtotal();
  const discount = bestDiscount(cart, discounts);
  if (discount === null) {
    rows.push(`total  ${formatMoney(subtotal)}`);
    return rows.join('\n');
  }
  const off = scaleMoney(discount.amountOff(cart), -1);
  rows.push(`${discount.label}  ${formatMoney(off)}`);
  rows.push(`total  ${formatMoney(addMoney(subtotal, off))}`);
  return rows.join('\n');
}

export function demoReceipt(): string {
  const cart = new Cart(sampleCatalog());
  cart.put('mug', 2);
  cart.put('pen', 6);
  return renderReceipt(cart, [percentOff(5), everyNthFree('pen', 3)]);
}
