/** `oabn completion`: commands and options for the shell's Tab key, read off the program itself. */
import { Argument, type Command } from 'commander';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

/** A command as the shell sees it: the words that lead to it, and what may follow. */
interface Node {
  /** Without the program's own name: `kernel status`; empty for the program. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly {
    readonly flag: string;
    readonly description: string;
    readonly choices: readonly string[];
  }[];
}

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a script that completes commands and options in your shell')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText(
      'after',
      `
Examples:
  $ oabn completion bash > ~/.local/share/bash-completion/completions/oabn
  $ oabn completion zsh > ~/.zsh/completions/_oabn
  $ oabn completion fish > ~/.config/fish/completions/oabn.fish`,
    )
    .action((shell: Shell) => {
      process.stdout.write(completionScript(shell, program));
    });
}

/** The script for a shell. */
export function completionScript(shell: Shell, program: Command): string {
  const nodes = nodesOf(program);
  return shell === 'fish' ? fishScript(nodes) : shell === 'zsh' ? zshScript(nodes) : bashScript(nodes);
}

function nodesOf(command: Command, path: readonly string[] = []): Node[] {
  const options = command.createHelp().visibleOptions(command);
  return [
    {
      path: path.join(' '),
      commands: command.commands.map((inner) => ({ name: inner.name(), description: inner.description() })),
      options: options.map(({ long, short, description, argChoices = [] }) => ({
        flag: long ?? short!,
        description,
        choices: argChoices,
      })),
    },
    ...command.commands.flatMap((inner) => nodesOf(inner, [...path, inner.name()])),
  ];
}

const wordsOf = ({ commands, options }: Node): string =>
  [...commands.map(({ name }) => name), ...options.map(({ flag }) => flag)].join(' ');

/**
 * Cases of `path` → words, and of `path --option` → its choices; for bash and, through its bash functions,
 * for zsh.
 */
function bashScript(nodes: readonly Node[]): string {
  const words = nodes.map((node) => `    '${node.path}') words='${wordsOf(node)}' ;;`);
  const choices = nodes.flatMap(({ path, options }) =>
    options
      .filter((option) => option.choices.length > 0)
      .map((option) => `    '${path} ${option.flag}') words='${option.choices.join(' ')}' ;;`),
  );
  const known = nodes.map(({ path }) => path).filter((path) => path !== '');
  return `# Completion of oabn for bash; written by «oabn completion bash».
_oabn() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
${known.map((path) => `      ${path.includes(' ') ? `'${path}'` : `' ${path}'`}) path='${path}' ;;`).join('\n')}
    esac
  done
  case "$path" in
${words.join('\n')}
  esac
  case "$path $previous" in
${choices.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _oabn oabn
`;
}

function zshScript(nodes: readonly Node[]): string {
  return `#compdef oabn
autoload -U +X bashcompinit && bashcompinit
${bashScript(nodes)}`;
}

function fishScript(nodes: readonly Node[]): string {
  const quoted = (text: string): string => `'${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'`;
  const lines = nodes.flatMap(({ path, commands, options }) => {
    const seen =
      path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${path.split(' ').at(-1)}`;
    const condition = `-n ${quoted(seen)}`;
    return [
      ...commands.map((c) => `complete -c oabn ${condition} -f -a ${c.name} -d ${quoted(c.description)}`),
      ...options
        .filter(({ flag }) => flag.startsWith('--'))
        .map(({ flag, description, choices }) => {
          const values = choices.length > 0 ? ` -x -a ${quoted(choices.join(' '))}` : '';
          return `complete -c oabn ${condition} -l ${flag.slice(2)}${values} -d ${quoted(description)}`;
        }),
    ];
  });
  return `# Completion of oabn for fish; written by «oabn completion fish».\n${lines.join('\n')}\n`;
}
