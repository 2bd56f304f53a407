/**
 * @file The recipes of the program by their names. Flags, help and messages follow from this list.
 */

import { z } from 'zod';
import { UsageError, messageOf } from '../../domain/errors.js';
import { parseJson } from '../../domain/json.js';
import { readForeignText } from '../../files/foreign-text-file.js';
import { LLAVACODE } from './llavacode.js';
import { recipeSchema, type Recipe, type RecipeInput } from './recipe.js';
import { STAGED } from './staged.js';

const RECIPES: readonly RecipeInput[] = [LLAVACODE, STAGED];

export const DEFAULT_RECIPE = LLAVACODE.name;

/** Names with what each does. */
export const RECIPE_SUMMARIES: ReadonlyMap<string, string> = new Map(
  RECIPES.map(({ name, summary }) => [name, summary]),
);

/**
 * The recipe of a name, or the one in a file.
 *
 * @throws {UsageError} If there is no such recipe, or the file holds none.
 */
export async function openRecipe(reference: string): Promise<Recipe> {
  const known = RECIPES.find(({ name }) => name === reference);
  if (known !== undefined) return recipeSchema.parse(known);
  if (!reference.endsWith('.json')) {
    throw new UsageError(`--recipe ${reference}: there is no recipe of this name`, [
      `the program has ${[...RECIPE_SUMMARIES.keys()].join(', ')}`,
      'a recipe of your own is a file that ends in .json, see docs/training.md',
    ]);
  }
  let parsed: unknown;
  try {
    parsed = parseJson(await readForeignText(reference));
  } catch (error) {
    throw new UsageError(`--recipe ${reference}: cannot be read: ${messageOf(error)}`, [], { cause: error });
  }
  const result = recipeSchema.safeParse(parsed);
  if (result.success) return result.data;
  throw new UsageError(`--recipe ${reference}: not a recipe`, z.prettifyError(result.error).split('\n'));
}
