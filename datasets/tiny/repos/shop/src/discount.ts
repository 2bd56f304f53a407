import type { Cart } from './cart.js';
import { money, scaleMoney } from './money.js';
import type { Money } from './money.js';

/** Gives the amount to take off a cart; zero where it does not apply. */
export interface Discount {
  readonly label: string;
  amountOff(cart: Cart): Money;
}

export function percentOff(percent: number): Discount {
  return {
    label: `${percent} % off`,
    amountOff: (cart) => scaleMoney(cart.subtotal(), percent / 100),
  };
}

export function everyNthFree(sku: string, n: number): Discount {
  return {
    label: `every ${n}. ${sku} is free`,
    amountOff(cart) {
      const line = cart.lines().find((candidate) => candidate.product.sku === sku);
      if (line === undefined) return money(0);
      const freeItems = Math.floor(line.quantity / n);
      return scaleMoney(line.product.price, freeItems);
    },
  };
}

export function bestDiscount(cart: Cart, discounts: readonly Discount[]): Discount | null {
  let best: Discount | null = null;
  for (const discount of discounts) {
    const isBetter = best === null || discount.amountOff(cart).cents > best.amountOff(cart).cents;
    if (isBetter) best = discount;
  }
  return best;
}
