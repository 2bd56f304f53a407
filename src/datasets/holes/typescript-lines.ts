/**
 * @file Finds the lines of TypeScript and JavaScript files that make fair completion tasks, with the
 * compiler's own parser and name lookup. The only file that imports `typescript`.
 *
 * A line is a candidate if all of this holds:
 *   - its file parses without a syntax error;
 *   - without indentation it has 12 to 160 characters, at least 5 tokens, at least one of them an
 *     identifier, and it does not end in white space;
 *   - no comment touches it;
 *   - it is no part of an import, an `export ... from` or an `export { ... }`;
 *   - it is no part of a template literal, string or JSX text that goes over several lines.
 * So lone brackets, punctuation, `else {` and the like never qualify: they have too few tokens.
 *
 * A candidate is marked cross-file if one of its identifiers is bound by an import, or by a
 * `require`, of another file of the same repository. The compiler's binder decides what an identifier
 * is bound to, so a local variable or parameter that shadows an import does not count; a use as a
 * type does. Where the imported file only passes a name on, the import still counts.
 *
 * "At least 5 tokens, no comments" is the rule of RepoEval (RepoCoder, arXiv:2303.12570, section 3);
 * the rest keeps lines out that no model could be blamed for.
 */

import ts from 'typescript';
import type { SourceFile } from '../../domain/task.js';
import type { ModuleResolver, PathAliases } from './module-resolution.js';

/** Moves whenever the rules above change, because then the holes change. */
export const LINE_RULES_VERSION = 1;

const FEWEST_CHARACTERS = 12;
const MOST_CHARACTERS = 160;
const FEWEST_TOKENS = 5;

/** A line that may become a hole. */
export interface CandidateLine {
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  /** The line without its indentation. */
  readonly text: string;
  readonly crossFile: boolean;
}

/** What is known about one line after the walk over its file's syntax tree. */
interface LineFacts {
  tokens: number;
  identifiers: number;
  excluded: boolean;
  crossFile: boolean;
}

/**
 * All candidate lines of a repository, file by file in the given order, each from top to bottom.
 *
 * @param files   Texts with "\n" line ends.
 * @param resolve Finds the file that a specifier names.
 */
export function findCandidateLines(files: readonly SourceFile[], resolve: ModuleResolver): CandidateLine[] {
  const program = createProgram(files);
  const checker = program.getTypeChecker();
  return files.flatMap((file) => {
    const tree = program.getSourceFile(file.path);
    if (tree === undefined || program.getSyntacticDiagnostics(tree).length > 0) return [];
    return candidatesOf(file, tree, checker, resolve);
  });
}

/**
 * The path aliases that a tsconfig.json states, `baseUrl` included.
 *
 * `extends` is not followed.
 *
 * @returns No aliases where the text is damaged: a wrong tsconfig costs marks, not the dataset.
 */
export function readPathAliases(tsconfig: string): PathAliases {
  const { config } = ts.parseConfigFileTextToJson('tsconfig.json', tsconfig) as { config?: unknown };
  const options = propertyOf(config, 'compilerOptions');
  const baseUrl = propertyOf(options, 'baseUrl');
  const base = typeof baseUrl === 'string' ? baseUrl : null;
  const aliases: Record<string, string[]> = {};
  const paths = propertyOf(options, 'paths');
  if (typeof paths === 'object' && paths !== null) {
    for (const [pattern, targets] of Object.entries(paths)) {
      if (!Array.isArray(targets)) continue;
      aliases[pattern] = targets
        .filter((target): target is string => typeof target === 'string')
        .map((target) => `${base ?? '.'}/${target}`);
    }
  }
  if (base !== null) aliases['*'] ??= [`${base}/*`];
  return aliases;
}

function propertyOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** A program over texts in memory: no files, no library, and imports are left to `resolve`. */
function createProgram(files: readonly SourceFile[]): ts.Program {
  const texts = new Map(files.map((file) => [file.path, file.text]));
  const host: ts.CompilerHost = {
    getSourceFile(name, options) {
      const text = texts.get(name);
      return text === undefined ? undefined : ts.createSourceFile(name, text, options, true);
    },
    getDefaultLibFileName: () => 'lib.d.ts',
    getCurrentDirectory: () => '',
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    fileExists: (name) => texts.has(name),
    readFile: (name) => texts.get(name),
    writeFile: () => undefined,
  };
  const options: ts.CompilerOptions = {
    allowJs: true,
    jsx: ts.JsxEmit.Preserve,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    noLib: true,
    noResolve: true,
    target: ts.ScriptTarget.ESNext,
    types: [],
  };
  return ts.createProgram([...texts.keys()], options, host);
}

function candidatesOf(
  file: SourceFile,
  tree: ts.SourceFile,
  checker: ts.TypeChecker,
  resolve: ModuleResolver,
): CandidateLine[] {
  const facts = readLineFacts(file, tree, checker, resolve);
  const candidates: CandidateLine[] = [];
  for (const [index, whole] of file.text.split('\n').entries()) {
    const fact = facts[index]!;
    const text = whole.trimStart();
    const isCandidate =
      !fact.excluded &&
      fact.identifiers > 0 &&
      fact.tokens >= FEWEST_TOKENS &&
      text.length >= FEWEST_CHARACTERS &&
      text.length <= MOST_CHARACTERS &&
      text === text.trimEnd();
    if (isCandidate) candidates.push({ path: file.path, line: index + 1, text, crossFile: fact.crossFile });
  }
  return candidates;
}

function readLineFacts(
  file: SourceFile,
  tree: ts.SourceFile,
  checker: ts.TypeChecker,
  resolve: ModuleResolver,
): readonly LineFacts[] {
  const text = file.text;
  const facts: LineFacts[] = text
    .split('\n')
    .map(() => ({ tokens: 0, identifiers: 0, excluded: false, crossFile: false }));
  // The compiler also ends a line at U+2028, so its line numbers are not used.
  const lineStarts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lineStarts.push(at + 1);
  const lineAt = (position: number): number => lastAtMost(lineStarts, position);
  const exclude = (start: number, end: number): void => {
    const last = lineAt(Math.max(start, end - 1));
    for (let line = lineAt(start); line <= last; line++) facts[line]!.excluded = true;
  };

  const imports = importsOfRepository(tree, (specifier) => {
    const target = resolve(file.path, specifier);
    return target !== null && target !== file.path;
  });
  const importedNames = new Set([...imports].map((name) => name.text));

  const visit = (node: ts.Node): void => {
    if (ts.isJSDoc(node)) return;
    const start = node.getStart(tree);
    if (isModulePlumbing(node) || (isMultiLineText(node, tree) && lineAt(start) !== lineAt(node.end - 1))) {
      exclude(start, node.end);
    }
    if (ts.isImportTypeNode(node) && isImportOf(node, file.path, resolve)) {
      facts[lineAt(start)]!.crossFile = true;
    }
    const children = node.getChildren(tree);
    if (children.length > 0) {
      children.forEach(visit);
      return;
    }
    excludeComments(node, text, start, exclude);
    if (!ts.isToken(node) || node.kind === ts.SyntaxKind.EndOfFileToken || start === node.end) return;
    const fact = facts[lineAt(start)]!;
    fact.tokens++;
    if (!ts.isIdentifier(node)) return;
    fact.identifiers++;
    if (importedNames.has(node.text) && isBoundTo(node, imports, checker)) fact.crossFile = true;
  };
  visit(tree);
  return facts;
}

/** Index of the last element that is at most x; the array is ascending and starts with 0. */
function lastAtMost(ascending: readonly number[], x: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (ascending[middle]! <= x) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Imports, re-exports and export lists: their text follows from the rest of the file. */
function isModulePlumbing(node: ts.Node): boolean {
  return ts.isImportDeclaration(node) || ts.isImportEqualsDeclaration(node) || ts.isExportDeclaration(node);
}

/** Text in which a line is prose or data rather than code. JSX white space between elements is none. */
function isMultiLineText(node: ts.Node, tree: ts.SourceFile): boolean {
  if (ts.isJsxText(node)) return node.getText(tree).trim() !== '';
  return ts.isTemplateExpression(node) || ts.isTemplateLiteralTypeNode(node) || ts.isLiteralExpression(node);
}

/** Comments stand between tokens: all of them lie before some token's start. */
function excludeComments(
  token: ts.Node,
  text: string,
  start: number,
  exclude: (start: number, end: number) => void,
): void {
  if (ts.isJsxText(token) || token.pos === start) return;
  if (!text.slice(token.pos, start).includes('/')) return;
  const ranges = [
    ...(ts.getTrailingCommentRanges(text, token.pos) ?? []),
    ...(ts.getLeadingCommentRanges(text, token.pos) ?? []),
  ];
  for (const range of ranges) exclude(range.pos, range.end);
}

/** The names that a file binds by importing or requiring files of its repository. */
function importsOfRepository(
  tree: ts.SourceFile,
  isOfRepository: (specifier: string) => boolean,
): ReadonlySet<ts.Identifier> {
  const names = new Set<ts.Identifier>();
  const addPattern = (name: ts.BindingName): void => {
    if (ts.isIdentifier(name)) {
      names.add(name);
      return;
    }
    for (const element of name.elements) if (ts.isBindingElement(element)) addPattern(element.name);
  };
  for (const statement of tree.statements) {
    if (ts.isImportDeclaration(statement)) {
      const clause = statement.importClause;
      if (clause === undefined || !isLocal(statement.moduleSpecifier)) continue;
      if (clause.name !== undefined) names.add(clause.name);
      const bindings = clause.namedBindings;
      if (bindings === undefined) continue;
      if (ts.isNamespaceImport(bindings)) names.add(bindings.name);
      else for (const element of bindings.elements) names.add(element.name);
    } else if (ts.isImportEqualsDeclaration(statement)) {
      const reference = statement.moduleReference;
      if (ts.isExternalModuleReference(reference) && isLocal(reference.expression)) names.add(statement.name);
    } else if (ts.isVariableStatement(statement)) {
      for (const { name, initializer } of statement.declarationList.declarations) {
        const isRequire =
          initializer !== undefined &&
          ts.isCallExpression(initializer) &&
          ts.isIdentifier(initializer.expression) &&
          initializer.expression.text === 'require';
        if (isRequire && isLocal(initializer.arguments[0])) addPattern(name);
      }
    }
  }
  return names;

  function isLocal(specifier: ts.Expression | undefined): boolean {
    return specifier !== undefined && ts.isStringLiteralLike(specifier) && isOfRepository(specifier.text);
  }
}

/** Whether the compiler's name lookup leads from an identifier to one of the given declarations. */
function isBoundTo(
  identifier: ts.Identifier,
  names: ReadonlySet<ts.Identifier>,
  checker: ts.TypeChecker,
): boolean {
  // A declaring name is not a use: `const cart = require('./cart')` says nothing of another file yet.
  if (names.has(identifier)) return false;
  const parent = identifier.parent;
  // After a dot the name is looked up in what stands before it, never among the imports.
  if (ts.isPropertyAccessExpression(parent) && parent.name === identifier) return false;
  if (ts.isQualifiedName(parent) && parent.right === identifier) return false;
  const symbol = ts.isShorthandPropertyAssignment(parent)
    ? checker.getShorthandAssignmentValueSymbol(parent)
    : checker.getSymbolAtLocation(identifier);
  return (symbol?.declarations ?? []).some((declaration) => {
    const name = ts.getNameOfDeclaration(declaration);
    return name !== undefined && ts.isIdentifier(name) && names.has(name);
  });
}

/** Whether `import('./x').T` in a type names another file of the repository. */
function isImportOf(node: ts.ImportTypeNode, path: string, resolve: ModuleResolver): boolean {
  const { argument } = node;
  if (!ts.isLiteralTypeNode(argument) || !ts.isStringLiteral(argument.literal)) return false;
  const target = resolve(path, argument.literal.text);
  return target !== null && target !== path;
}
