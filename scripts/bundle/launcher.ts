/** The command `oabn` of a bundle: Node, the library and, where the system lacks them, the libraries below it. */
export const launcher = `#!/bin/sh
# Runs oabn from the folder that this file is in; nothing outside it is needed but a GPU's driver.
here=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)

# The system's own libraries come first: a driver may need newer ones than those that are packed.
for name in libvulkan.so.1 libstdc++.so.6 libgcc_s.so.1; do
  [ -e "$here/lib/$name" ] || continue
  for folder in /usr/lib/x86_64-linux-gnu /lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu /usr/lib64 /lib64 /usr/lib; do
    [ -e "$folder/$name" ] && continue 2
  done
  LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/lib/\${name%%.so*}"
done
[ -z "\${LD_LIBRARY_PATH:-}" ] || export LD_LIBRARY_PATH

[ -n "\${OABN_DATA_DIR:-}" ] || [ ! -d "$here/data/sets" ] || export OABN_DATA_DIR="$here/data/sets"
export PATH="$here/bin:\${PATH:-/usr/local/bin:/usr/bin:/bin}"
# The notebooks are beside this file, and the runs and the report go there too.
[ "\${1:-}" != reproduce ] || cd "$here" || exit
exec "$here/bin/node" "$here/node_modules/oabn/bin/oabn.js" "$@"
`;
