/**
 * The command `oabn` of a bundle: Node, the packages and, where the system lacks them, the libraries beside
 * it.
 */

/** Shared libraries that a bundle carries: the Vulkan loader and the C++ run-time. */
export const packedLibraries: readonly string[] = ['libvulkan.so.1', 'libstdc++.so.6', 'libgcc_s.so.1'];

/**
 * The folder of a packed library in the bundle: each has its own, so that one can be used without the others.
 */
export const libraryFolder = (name: string): string => `lib/${name.replace(/\.so.*/, '')}`;

/** The launcher, a shell script, for a bundle that may carry these libraries. */
export function launcherFor(libraries: readonly string[]): string {
  return `#!/bin/sh
# Runs oabn from the folder that this file is in; nothing outside it is needed but a GPU's driver.
here=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)

# The system's own libraries come first: a driver may need newer ones than those that are packed.
use_unless_here() {
  [ -e "$here/$1/$2" ] || return 0
  for folder in /usr/lib/x86_64-linux-gnu /lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu /usr/lib64 /lib64 /usr/lib; do
    [ ! -e "$folder/$2" ] || return 0
  done
  LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/$1"
  export LD_LIBRARY_PATH
}
${libraries.map((name) => `use_unless_here ${libraryFolder(name)} ${name}`).join('\n')}

[ -n "\${OABN_DATA_DIR:-}" ] || [ ! -d "$here/data/sets" ] || export OABN_DATA_DIR="$here/data/sets"
export PATH="$here/bin:\${PATH:-/usr/local/bin:/usr/bin:/bin}"
# The notebooks are beside this file, and the runs and the report go there too.
[ "\${1:-}" != reproduce ] || cd "$here" || exit
exec "$here/bin/node" "$here/node_modules/oabn/bin/oabn.js" "$@"
`;
}
