/**
 * @file Finds the lines of TypeScript and JavaScript files that make fair completion tasks, with the
 * compiler's own parser and name lookup.
 *
 * `lines/line-sheet.ts` has the rules of all languages. In these two:
 *   - the file parses without a syntax error;
 *   - no comment touches the line;
 *   - the line is no part of an import, an `export ... from` or an `export { ... }`;
 *   - the line is no part of a template literal, string or JSX text that goes over several lines.
 *
 * A candidate is cross-file if one of its identifiers is bound by an import, or by a `require`, of another
 * file of the same repository. The compiler's binder decides what an identifier is bound to, so a local
 * variable or parameter that shadows an import does not count; a use as a type does. Where the imported file
 * only passes a name on, the import still counts.
 */

import ts from 'typescript';
import type { SourceFile } from '../../../domain/task.js';
import type { CandidateLine, FoundLines } from '../lines/language.js';
import { LineSheet } from '../lines/line-sheet.js';
import type { ModuleResolver } from './module-resolution.js';
import { ofCompiler } from './of-compiler.js';

/** Moves whenever the rules above change, because then the holes change. */
export const LINE_RULES_VERSION = 1;

/**
 * All candidate lines of some files.
 *
 * @param files   Texts with "\n" line ends.
 * @param resolve Finds the file that a specifier names.
 */
export function findLines(files: readonly SourceFile[], resolve: ModuleResolver): FoundLines {
  const { program, checker } = checkedProgram(files, resolve);
  const candidates: CandidateLine[] = [];
  const unparsed: string[] = [];
  for (const file of files) {
    const tree = program.getSourceFile(file.path);
    const isSound = tree !== undefined && program.getSyntacticDiagnostics(tree).length === 0;
    const sheet = isSound ? ofCompiler(() => readLines(file, tree, checker, resolve)) : null;
    if (sheet === null) unparsed.push(file.path);
    else candidates.push(...sheet.candidates(file.path));
  }
  return { candidates, unparsed };
}

/** Levels of a syntax tree that the compiler's recursion takes whatever the nodes are. */
const MOST_DEPTH = 300;

/**
 * A program with its checker. The checker looks at all files together, so if one of them is too deep for it, deep
 * files are left out. (A chain of calls is deep without any nesting in its text.)
 */
function checkedProgram(
  files: readonly SourceFile[],
  resolve: ModuleResolver,
): { readonly program: ts.Program; readonly checker: ts.TypeChecker } {
  const program = createProgram(files, resolve);
  const checker = ofCompiler(() => program.getTypeChecker());
  if (checker !== null) return { program, checker };
  const shallow = files.filter(({ path }) => {
    const tree = program.getSourceFile(path);
    return tree !== undefined && depthOf(tree) <= MOST_DEPTH;
  });
  const rest = createProgram(shallow, resolve);
  return { program: rest, checker: rest.getTypeChecker() };
}

/** Levels of a tree, counted without recursion. */
function depthOf(tree: ts.Node): number {
  let depth = 0;
  let level: ts.Node[] = [tree];
  while (level.length > 0) {
    depth++;
    const next: ts.Node[] = [];
    for (const node of level) node.forEachChild((child) => void next.push(child));
    level = next;
  }
  return depth;
}

/**
 * A program over texts in memory: no other files and no library. An import leads where `resolve` says.
 *
 * The current directory is "/" although paths are relative. The checker computes paths from it when it words
 * an error, and with an empty one it fails on names that the imported file does not export.
 */
function createProgram(files: readonly SourceFile[], resolve: ModuleResolver): ts.Program {
  const texts = new Map(files.map((file) => [file.path, file.text]));
  const host: ts.CompilerHost = {
    getSourceFile(name, options) {
      const text = texts.get(name);
      if (text === undefined) return undefined;
      return ofCompiler(() => ts.createSourceFile(name, text, options, true)) ?? undefined;
    },
    getDefaultLibFileName: () => 'lib.d.ts',
    getCurrentDirectory: () => '/',
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    fileExists: (name) => texts.has(name),
    readFile: (name) => texts.get(name),
    writeFile: () => undefined,
    resolveModuleNameLiterals: (literals, from) =>
      literals.map(({ text }) => resolvedModule(resolve(from.replace(/^\//, ''), text))),
  };
  const options: ts.CompilerOptions = {
    allowJs: true,
    jsx: ts.JsxEmit.Preserve,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    noLib: true,
    noResolve: true,
    resolvePackageJsonExports: false,
    resolvePackageJsonImports: false,
    target: ts.ScriptTarget.ESNext,
    types: [],
  };
  return ts.createProgram([...texts.keys()], options, host);
}

function resolvedModule(path: string | null): ts.ResolvedModuleWithFailedLookupLocations {
  if (path === null) return { resolvedModule: undefined };
  const extension = path.slice(path.lastIndexOf('.'));
  return { resolvedModule: { resolvedFileName: path, extension, isExternalLibraryImport: false } };
}

/** Walks the tree of a file and writes down what it says about each line. */
function readLines(
  file: SourceFile,
  tree: ts.SourceFile,
  checker: ts.TypeChecker,
  resolve: ModuleResolver,
): LineSheet {
  const { text } = file;
  const sheet = new LineSheet(text);
  const imports = importsOfRepository(tree, (specifier) => {
    const target = resolve(file.path, specifier);
    return target !== null && target !== file.path;
  });
  const importedNames = new Set([...imports].map((name) => name.text));

  const visit = (node: ts.Node): void => {
    if (ts.isJSDoc(node)) return;
    const start = node.getStart(tree);
    if (isModulePlumbing(node) || (isMultiLineText(node, tree) && sheet.isMultiLine(start, node.end))) {
      sheet.exclude(start, node.end);
    }
    if (ts.isImportTypeNode(node) && isImportOf(node, file.path, resolve)) sheet.markCrossFile(start);
    const children = node.getChildren(tree);
    if (children.length > 0) {
      children.forEach(visit);
      return;
    }
    excludeComments(node, text, start, sheet);
    if (!ts.isToken(node) || node.kind === ts.SyntaxKind.EndOfFileToken || start === node.end) return;
    sheet.addToken(start, ts.isIdentifier(node));
    if (!ts.isIdentifier(node)) return;
    if (importedNames.has(node.text) && isBoundTo(node, imports, checker)) sheet.markCrossFile(start);
  };
  visit(tree);
  return sheet;
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
function excludeComments(token: ts.Node, text: string, start: number, sheet: LineSheet): void {
  if (ts.isJsxText(token) || token.pos === start) return;
  if (!text.slice(token.pos, start).includes('/')) return;
  const ranges = [
    ...(ts.getTrailingCommentRanges(text, token.pos) ?? []),
    ...(ts.getLeadingCommentRanges(text, token.pos) ?? []),
  ];
  for (const range of ranges) sheet.exclude(range.pos, range.end);
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
