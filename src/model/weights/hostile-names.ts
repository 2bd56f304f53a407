/**
 * @file Names that end the reading of a checkpoint: only a file that was made to do harm holds them.
 */

/** Modules that start programs, touch files or the network, or load code. */
const HOSTILE_MODULES =
  /^(?:os|posix|nt|subprocess|sys|shutil|socket|pty|commands|runpy|importlib|imp|pkgutil|pickle|_pickle|cPickle|marshal|ctypes|webbrowser|urllib\d?|requests|httplib|http|ftplib|smtplib|pip|torch\.hub|torch\.utils\.cpp_extension)(?:\.|$)/;
/** Functions of `builtins`; harmless types live there too. */
const HOSTILE_BUILTINS =
  /^(?:builtins|__builtin__)\.(?:eval|exec|execfile|compile|open|__import__|input|raw_input|breakpoint|globals|locals|vars|exit|quit|memoryview|file)$/;

/** Whether a pickle stream that names this function would do harm if Python opened it. */
export function isHostile(module: string, name: string): boolean {
  return HOSTILE_MODULES.test(module) || HOSTILE_BUILTINS.test(`${module}.${name}`);
}
