import tseslint from 'typescript-eslint';
import { ownLines } from './lib/base/scripts/ownLines.js';

export default tseslint.config(
  { ignores: ['**/dist/**', 'node_modules/**', 'runs/**', 'report/**', 'docs/**'] },
  tseslint.configs.strict,
  {
    files: ['**/*.ts', '**/*.mts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { own: { rules: { lines: ownLines } } },
    rules: {
      'own/lines': ['error', 80],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      'prefer-const': 'error',
      eqeqeq: 'error',
    },
  },
);
