/** An amount of one currency, in its smallest unit, so that sums are exact. */
export interface Money {
  readonly cents: number;
  readonly currency: string;
}

export function money(cents: number, currency = 'EUR'): Money {
  if (!Number.isInteger(cents)) throw new RangeError(`cents must be whole, got ${cents}`);
  return { cents, currency };
}

export function addMoney(left: Money, right: Money): Money {
  if (left.currency !== right.currency) {
    throw new TypeError(`cannot add ${right.currency} to ${left.currency}`);
  }
  return money(left.cents + right.cents, left.currency);
}

export function scaleMoney(amount: Money, factor: number): Money {
  return money(Math.round(amount.cents * factor), amount.currency);
}

export function formatMoney(amount: Money): string {
  const whole = Math.trunc(amount.cents / 100);
  const rest = Math.abs(amount.cents % 100);
  return `${whole}.${String(rest).padStart(2, '0')} ${amount.currency}`;
}
