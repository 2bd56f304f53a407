import type { Catalog, Product } from './catalog.js';
import { addMoney, money, scaleMoney } from './money.js';
import type { Money } from './money.js';

export interface CartLine {
  readonly product: Product;
  readonly quantity: number;
}

export class Cart {
  private readonly quantities = new Map<string, number>();
  private readonly catalog: Catalog;

  constructor(catalog: Catalog) {
    this.catalog = catalog;
  }

  put(sku: string, quantity = 1): void {
    const product = this.catalog.findProduct(sku);
    const before = this.quantities.get(product.sku) ?? 0;
    this.quantities.set(product.sku, before + quantity);
  }

  lines(): CartLine[] {
    return [...this.quantities].map(([sku, quantity]) => {
      const product = this.catalog.findProduct(sku);
      return { product, quantity };
    });
  }

  subtotal(): Money {
    let total = money(0);
    for (const { product, quantity } of this.lines()) {
      total = addMoney(total, scaleMoney(product.price, quantity));
    }
    return total;
  }

  weightGrams(): number {
    return this.lines().reduce((sum, line) => sum + line.product.weightGrams * line.quantity, 0);
  }
}
