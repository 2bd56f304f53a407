/**
 * @file What a piece of TypeScript, JavaScript or Python declares: imports, types, signatures and fields, without the
 * bodies. Imported on demand.
 *
 * A piece may begin and end anywhere, since retrieval cuts files into windows. The parsers recover from that. A piece of
 * a class has no class around it. So a piece with an error of syntax is read a second time within a class, and a third
 * time without the end of a body that it begins with. The reading that finds most declarations counts. A variable counts
 * if nothing stands further to the left: others are locals of a function whose head is not in the piece.
 */

import { languageOfPath, type Language } from '../domain/languages.js';
import { nonBlankLines } from '../domain/text.js';
import { childAs, childrenAs, nodesIn, type SyntaxNode, type SyntaxTree } from './syntax-tree.js';
import { loadTreeParser, type GrammarName, type TreeParser } from './tree-sitter.js';

/** The languages that it reads. */
export const DECLARING_LANGUAGES = ['typescript', 'javascript', 'python'] as const;

/**
 * The declarations of a piece of a file, one an entry, in the order of the text. Empty for a file in another language.
 *
 * @param path Of the file: its ending tells the language.
 */
export type DeclarationReader = (path: string, text: string) => string[];

/** Longest initial value that is shown with its name. */
const VALUE_CHARACTERS = 40;

/** Loads the grammars. */
export async function loadDeclarationReader(): Promise<DeclarationReader> {
  const names = ['typescript', 'tsx', 'javascript', 'python'] as const;
  const parsers = new Map<GrammarName, TreeParser>();
  for (const name of names) parsers.set(name, await loadTreeParser(name));
  return (path, text) => {
    const language = languageOfPath(path);
    const grammar = grammarOf(language, path);
    if (grammar === null) return [];
    const parser = parsers.get(grammar)!;
    return language === 'python' ? pythonIn(parser, text) : ecmascriptIn(parser, text);
  };
}

function grammarOf(language: Language | null, path: string): GrammarName | null {
  if (language === 'typescript') return path.toLowerCase().endsWith('x') ? 'tsx' : 'typescript';
  return language === 'javascript' || language === 'python' ? language : null;
}

/** A text with its tree. */
interface Parsed extends SyntaxTree {
  readonly text: string;
}

/** @returns Null where the text is too much work. */
function parsed(parser: TreeParser, text: string): Parsed | null {
  const tree = parser.parse(text);
  return tree === null ? null : { ...tree, text };
}

const CLASS_HEAD = 'class _ {\n';

function ecmascriptIn(parser: TreeParser, text: string): string[] {
  const alone = parsed(parser, text);
  if (alone?.isSound === true) return declarations(alone, ecmascriptOf);
  const rest = behindFirstBody(text);
  const pieces = [text, ...(rest === null ? [] : [rest])].map((piece) => `${CLASS_HEAD}${piece}\n}`);
  const readings = [alone, ...pieces.map((piece) => parsed(parser, piece))].map((tree) =>
    tree === null ? [] : declarations(tree, ecmascriptOf),
  );
  return readings.reduce((most, found) => (found.length > most.length ? found : most));
}

/** What follows the end of a body that the text begins in; null where it does not seem to begin in one. */
function behindFirstBody(text: string): string | null {
  const shared = sharedIndent(text);
  const lines = text.split('\n');
  const end = lines.findIndex((line) => /^\s*[})\]]+[;,]?\s*$/.test(line) && indentOf(line) === shared);
  const isWithin =
    end > 0 && lines.slice(0, end).every((line) => line.trim() === '' || indentOf(line) > shared);
  return isWithin ? lines.slice(end + 1).join('\n') : null;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** Words that a statement begins with. Within a class, a parser takes `if (a) {` for a method. */
const STATEMENTS = new Set(
  'if for while switch catch return const let var await throw else do try case typeof yield with'.split(' '),
);

/** Whether what looks like a member of a class is a statement. */
function isStatement(node: SyntaxNode, text: string): boolean {
  const name = childAs(node, 'name') ?? childAs(node, 'property');
  return name !== null && STATEMENTS.has(text.slice(name.start, name.end));
}

function pythonIn(parser: TreeParser, text: string): string[] {
  const whole = parsed(parser, withoutSharedIndent(text));
  return whole === null ? [] : declarations(whole, pythonOf);
}

/** What a node declares, and the nodes below it that may declare more; null to look at its children. */
type Reading = (node: SyntaxNode, text: string) => Declared | null;

interface Declared {
  /** Null where only what is below is shown. */
  readonly shown: string | null;
  readonly within: SyntaxNode | null;
}

function declarations({ text, root }: Parsed, read: Reading): string[] {
  const found: string[] = [];
  const open = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const declared = read(node, text);
    const shown = declared?.shown ?? null;
    if (shown !== null) found.push(tidied(shown));
    const below = declared === null ? node.children : (declared.within?.children ?? []);
    for (let i = below.length - 1; i >= 0; i--) open.push(below[i]!);
  }
  return found.filter((one) => one !== '');
}

const WHOLE = new Set([
  'import_statement',
  'import_from_statement',
  'future_import_statement',
  'interface_declaration',
  'type_alias_declaration',
  'enum_declaration',
  'function_signature',
  'method_signature',
  'abstract_method_signature',
  'property_signature',
]);
const WITH_BODY = new Set(['function_declaration', 'generator_function_declaration', 'method_definition']);
const CLASSES = new Set(['class_declaration', 'abstract_class_declaration', 'class']);
const FIELDS = new Set(['public_field_definition', 'field_definition']);

function ecmascriptOf(node: SyntaxNode, text: string): Declared | null {
  const start = exportedStart(node);
  if (WHOLE.has(node.type)) return { shown: text.slice(start, node.end), within: null };
  if (node.type === 'export_statement' && childAs(node, 'source') !== null) {
    return { shown: text.slice(node.start, node.end), within: null };
  }
  const body = childAs(node, 'body');
  const isMember = WITH_BODY.has(node.type) || FIELDS.has(node.type);
  if (isMember && (isStatement(node, text) || isBroken(node) || isBareWord(node))) {
    return { shown: null, within: null };
  }
  if (WITH_BODY.has(node.type)) {
    return { shown: text.slice(start, body?.start ?? node.end), within: null };
  }
  if (CLASSES.has(node.type) && body !== null) {
    const head = text.slice(start, body.start);
    return { shown: head.trim() === CLASS_HEAD.slice(0, -2).trim() ? null : head, within: body };
  }
  if (FIELDS.has(node.type)) return { shown: named(node, node.start, text), within: null };
  if (node.type === 'lexical_declaration' || node.type === 'variable_declaration') {
    return variables(node, start, text);
  }
  // The inside of a function is its body, whoever calls it.
  return node.type === 'statement_block' ? { shown: null, within: null } : null;
}

/** Whether the parser could not place a part of what stands before the body. */
function isBroken(node: SyntaxNode): boolean {
  const end = childAs(node, 'body')?.start ?? node.end;
  for (const { type, start } of nodesIn(node)) if (type === 'ERROR' && start < end) return true;
  return false;
}

/** A field that is one word says nothing, and what a window cuts off looks like one. */
function isBareWord(node: SyntaxNode): boolean {
  return FIELDS.has(node.type) && node.children.length === 1;
}

/** Where `export` begins, where a declaration is exported. */
function exportedStart({ start, parent }: SyntaxNode): number {
  return parent?.type === 'export_statement' ? parent.start : start;
}

function variables(node: SyntaxNode, start: number, text: string): Declared {
  if (!isOutermost(start, text)) return { shown: null, within: null };
  const shown = node.children
    .filter(({ type }) => type === 'variable_declarator')
    .map((declarator, i) => named(declarator, i === 0 ? start : declarator.start, text));
  return { shown: shown.join(', '), within: null };
}

/** A name with its type, and with its value if that is short. Of a function, everything before its body. */
function named(node: SyntaxNode, start: number, text: string): string {
  const value = childAs(node, 'value');
  if (value === null) return text.slice(start, node.end);
  const body = childAs(value, 'body');
  if (body !== null && /function|arrow/.test(value.type)) return text.slice(start, body.start);
  const isShort =
    value.end - value.start <= VALUE_CHARACTERS && !text.slice(value.start, value.end).includes('\n');
  return isShort ? text.slice(start, node.end) : text.slice(start, value.start).replace(/\s*=\s*$/, '');
}

/** Whether no line of the text begins further to the left. */
function isOutermost(at: number, text: string): boolean {
  const line = text.slice(text.lastIndexOf('\n', at - 1) + 1, at);
  return /^\s*$/.test(line) && line.length <= sharedIndent(text.replace(CLASS_HEAD, ''));
}

function pythonOf(node: SyntaxNode, text: string): Declared | null {
  if (WHOLE.has(node.type)) return { shown: text.slice(node.start, node.end), within: null };
  const body = childAs(node, 'body');
  if (node.type === 'function_definition') {
    return { shown: text.slice(node.start, body?.start ?? node.end), within: null };
  }
  if (node.type === 'class_definition' && body !== null) {
    return { shown: text.slice(node.start, body.start), within: body };
  }
  if (node.type === 'assignment' && node.parent?.type === 'expression_statement') {
    return { shown: isPythonField(node, text) ? assigned(node, text) : null, within: null };
  }
  return null;
}

/** Whether an assignment stands in a module or in the body of a class. */
function isPythonField({ parent, start }: SyntaxNode, text: string): boolean {
  const place = parent?.parent;
  if (place?.type === 'module') return isOutermost(start, text);
  return place?.type === 'block' && place.parent?.type === 'class_definition';
}

function assigned(node: SyntaxNode, text: string): string {
  const right = childrenAs(node, 'right').at(-1);
  if (right === undefined) return text.slice(node.start, node.end);
  const value = text.slice(right.start, right.end);
  if (value.length <= VALUE_CHARACTERS && !value.includes('\n')) return text.slice(node.start, node.end);
  return text.slice(node.start, right.start).replace(/\s*=\s*$/, '');
}

/** One declaration without blanks at its ends, and without the indentation that its lines share. */
function tidied(text: string): string {
  const [first = '', ...rest] = text.trim().split('\n');
  if (rest.length === 0) return first;
  return [first, ...withoutSharedIndent(rest.join('\n')).split('\n')].join('\n');
}

function withoutSharedIndent(text: string): string {
  const shared = sharedIndent(text);
  return text
    .split('\n')
    .map((line) => line.slice(Math.min(shared, line.length)))
    .join('\n');
}

/** Characters of indentation that all lines with code have. */
function sharedIndent(text: string): number {
  const widths = nonBlankLines(text).map(indentOf);
  return widths.length === 0 ? 0 : Math.min(...widths);
}
