import { money } from './money.js';
import type { Money } from './money.js';

export interface Product {
  readonly sku: string;
  readonly title: string;
  readonly price: Money;
  readonly weightGrams: number;
}

export class Catalog {
  private readonly products = new Map<string, Product>();

  addProduct(product: Product): void {
    if (this.products.has(product.sku)) {
      throw new Error(`product ${product.sku} is already listed`);
    }
    this.products.set(product.sku, product);
  }

  findProduct(sku: string): Product {
    const product = this.products.get(sku);
    if (product === undefined) throw new Error(`no product with sku ${sku}`);
    return product;
  }

  cheaperThan(limit: Money): Product[] {
    return [...this.products.values()].filter((product) => product.price.cents < limit.cents);
  }
}

export function sampleCatalog(): Catalog {
  const catalog = new Catalog();
  catalog.addProduct({ sku: 'mug', title: 'Mug', price: money(1250), weightGrams: 340 });
  catalog.addProduct({ sku: 'pen', title: 'Pen', price: money(290), weightGrams: 12 });
  return catalog;
}
