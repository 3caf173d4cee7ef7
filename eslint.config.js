import js from '@eslint/js'
import { createNodeResolver, importX } from 'eslint-plugin-import-x'
import reactHooks from 'eslint-plugin-react-hooks'
import tseslint from 'typescript-eslint'

/** What each folder may import besides itself. This table is the architecture. */
const MAY_IMPORT = {
  'main/core': [],
  'main/events': ['main/core'],
  'main/db': ['main/core'],
  'main/runner': ['main/core'],
  'main/home-store': ['main/core'],
  'main/archive-store': ['main/core'],
  'main/collector': ['main/core', 'main/db', 'main/archive-store'],
  'main/gateway': ['main/core'],
  'main/lan': ['main/core', 'main/gateway'],
  'main/ttl': ['main/core', 'main/events'],
  'main/usage': ['main/core'],
  'main/service': ['main/core', 'main/db', 'main/events'],
  'main/doctor': ['main/core'],
  'main/reconciler': [
    'main/core',
    'main/db',
    'main/events',
    'main/runner',
    'main/home-store',
    'main/archive-store',
  ],
  'main/reconciler/plan.ts': ['main/core'],
  'main/http': ['main/core', 'main/db', 'main/events', 'main/service', 'main/gateway'],
  'main/shell': ['main/core', 'main/gateway/address.ts'],
  preload: [],
  renderer: ['main/core', 'preload'],
  e2e: ['main/core'],
}

const ROOTS = ['main', 'preload', 'renderer', 'e2e']
const zones = Object.entries(MAY_IMPORT).flatMap(([folder, allowed]) =>
  ROOTS.map((root) => ({
    target: `./${folder}`,
    from: `./${root}`,
    except: [folder, ...allowed]
      .filter((path) => path === root || path.startsWith(`${root}/`))
      .map((path) => `.${path.slice(root.length) || '/'}`),
    message: `${folder} may import only: ${allowed.join(', ') || 'nothing'}`,
  })),
)

const TESTS = ['**/*.test.ts', '**/*.test.tsx', 'main/testing/**']
const PURE = [
  'main/core/**',
  'main/reconciler/plan.ts',
  'main/collector/collect.ts',
  'main/ttl/transition.ts',
  'main/doctor/{checks,report}.ts',
  'main/gateway/{address,gate,headers}.ts',
]

const not = (/** @type {string} */ selector, /** @type {string} */ message) => ({ selector, message })
/** However it is written: nothing but this very value will do. */
const preference = (/** @type {string} */ name, /** @type {boolean} */ value) =>
  not(
    `Property:matches([key.name='${name}'], [key.value='${name}']):not([value.value=${value}])`,
    `${name}: anything but ${value} takes away what keeps a page in its place`,
  )
/** A module of Electron, imported, or taken out of the whole. */
const module = (/** @type {string} */ name, /** @type {string} */ message) =>
  not(
    [
      `ImportSpecifier[imported.name='${name}']`,
      `MemberExpression:matches([property.name='${name}'], [property.value='${name}'])`,
      `ObjectPattern > Property:matches([key.name='${name}'], [key.value='${name}'])`,
    ].join(', '),
    message,
  )
/** Web preferences that no window may have, and the two modules that one file each may use. */
const ELECTRON = [
  ...['sandbox', 'contextIsolation', 'webSecurity'].map((name) => preference(name, true)),
  ...[
    'nodeIntegration',
    'nodeIntegrationInWorker',
    'nodeIntegrationInSubFrames',
    'allowRunningInsecureContent',
    'experimentalFeatures',
    'webviewTag',
  ].map((name) => preference(name, false)),
  not(
    "Property:matches([key.name='enableBlinkFeatures'], [key.value='enableBlinkFeatures'])",
    'no experimental features in our windows',
  ),
]
const SHELL_MODULE = module('shell', 'open links with openExternal of security.ts')
const IPC_MODULE = module('ipcMain', 'channels are in main/index.ts alone')
const HTML = [
  not(
    ':matches(JSXAttribute[name.name="dangerouslySetInnerHTML"], Property[key.name="dangerouslySetInnerHTML"])',
    'text, never HTML',
  ),
  not('MemberExpression[property.name=/^(inner|outer|insertAdjacent)HTML$|^srcdoc$/]', 'text, never HTML'),
]

export default tseslint.config(
  { ignores: ['out', 'dist', 'test-results'] },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.tsx', '.js', '.mjs'] })],
    },
    rules: {
      'import-x/no-cycle': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off', // `return void f()` ends a branch in one line
      '@typescript-eslint/no-non-null-assertion': 'off', // after a check that the compiler cannot follow
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/unbound-method': 'off', // factories with closures: nothing here has a `this`
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off', // dockerode types its streams as interfaces
    },
  },
  {
    files: ['**/*.{ts,tsx}'],
    ignores: TESTS,
    rules: { 'import-x/no-restricted-paths': ['error', { zones }] },
  },
  {
    // Only the shell knows Electron: the same control plane runs without a window.
    files: ['main/**/*.ts', 'renderer/**/*.{ts,tsx}'],
    ignores: ['main/index.ts', 'main/shell/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'electron', message: 'only main/index.ts and main/shell know Electron' }] },
      ],
    },
  },
  {
    name: 'shell',
    files: ['main/shell/**', 'preload/**'],
    rules: { 'no-restricted-syntax': ['error', ...ELECTRON, SHELL_MODULE, IPC_MODULE] },
  },
  {
    name: 'shell/security',
    files: ['main/shell/security.ts'],
    rules: { 'no-restricted-syntax': ['error', ...ELECTRON, IPC_MODULE] },
  },
  {
    name: 'index',
    files: ['main/index.ts'],
    rules: { 'no-restricted-syntax': ['error', ...ELECTRON, SHELL_MODULE] },
  },
  {
    name: 'renderer',
    files: ['renderer/**/*.{ts,tsx}'],
    rules: { 'no-restricted-syntax': ['error', ...HTML] },
  },
  {
    files: ['main/**/*.ts'],
    ignores: ['main/serve.ts', 'main/index.ts', ...TESTS],
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'config.ts is handed the environment; nothing else reads it',
        },
      ],
    },
  },
  {
    // Pure: no package, no clock, no chance, no effect.
    files: PURE,
    ignores: [
      ...TESTS,
      'main/core/{api,archive,manifest}.ts',
      'main/core/failpoint.ts',
      'main/core/logger.ts',
    ],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^[^.]', allowTypeImports: true, message: 'pure code imports no package' }] },
      ],
      'no-restricted-globals': ['error', 'process', 'setTimeout', 'setInterval', 'fetch'],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'time is a parameter' },
        { object: 'Math', property: 'random', message: 'chance is a parameter' },
      ],
    },
  },
  { files: ['renderer/**/*.{ts,tsx}'], ...reactHooks.configs.flat.recommended },
  {
    files: TESTS,
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off', // answers of our own API, checked by what follows
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        fetch: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        AbortSignal: 'readonly',
        Buffer: 'readonly',
        performance: 'readonly',
      },
    },
  },
)
