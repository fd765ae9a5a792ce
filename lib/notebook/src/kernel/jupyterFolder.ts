/** Jupyter's folder for a user's data, where kernelspecs and histories are. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where Jupyter keeps this user's data, by jupyter_core's rules. */
export function jupyterDataFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: string = process.platform,
  home: string = homedir(),
): string {
  if (env.JUPYTER_DATA_DIR) return env.JUPYTER_DATA_DIR;
  const platformDirs = !['', '0', 'no', 'n', 'false', 'off'].includes(
    (env.JUPYTER_PLATFORM_DIRS ?? '').toLowerCase(),
  );
  if (platform === 'darwin') {
    return platformDirs
      ? join(home, 'Library', 'Application Support', 'Jupyter')
      : join(home, 'Library', 'Jupyter');
  }
  if (platform === 'win32') {
    if (platformDirs && env.LOCALAPPDATA) return join(env.LOCALAPPDATA, 'Jupyter');
    return env.APPDATA ? join(env.APPDATA, 'jupyter') : join(home, '.jupyter', 'data');
  }
  return join(env.XDG_DATA_HOME || join(home, '.local', 'share'), 'jupyter');
}
