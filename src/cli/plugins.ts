/**
 * @file The plug-ins that a command line or a configuration file names, loaded before the command line is read.
 *
 * Their names are values of other flags. So they have to be known before those flags are checked, and before `--help`
 * lists what they take.
 */

import { Command } from 'commander';
import { loadPlugins } from '../plugins/load.js';
import { readConfigJson } from './flags/config-file.js';
import { oneMore } from './flags/options.js';

/** The command whose settings may stand in a configuration file. */
const CONFIGURED = 'run';

/**
 * Loads what a command line names.
 *
 * @param args What stands behind the name of the program.
 * @throws {PluginError} If a plug-in cannot be used.
 */
export async function loadNamedPlugins(args: readonly string[]): Promise<void> {
  const scout = new Command()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .allowUnknownOption()
    .helpOption(false)
    .option('--plugin <file>', '', oneMore)
    .option('--config <file>');
  try {
    scout.parseOptions([...args]);
  } catch {
    // A flag without its value; the command itself says so.
    return;
  }
  const { plugin, config } = scout.opts<{ plugin?: string[]; config?: string }>();
  await loadPlugins(plugin ?? (args[0] === CONFIGURED ? await pluginsOfFile(config) : []));
}

/** Those that a configuration file names; none where it is not as it should be, which the command itself says. */
async function pluginsOfFile(path: string | undefined): Promise<string[]> {
  const found = await readConfigJson(path).catch(() => null);
  const { json } = found ?? {};
  if (typeof json !== 'object' || json === null || !('plugins' in json)) return [];
  const { plugins } = json;
  if (!Array.isArray(plugins)) return [];
  return plugins.filter((one): one is string => typeof one === 'string');
}
