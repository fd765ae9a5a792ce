/**
 * A report as a research object: an RO-Crate of the profile Workflow Run Crate 0.5
 * (https://w3id.org/ro/wfrun), which records in JSON-LD what was run, on which data, by what software, when,
 * and which files resulted. Archives and workflow hubs read it. Next to the metadata is `workflow.json`, the
 * workflow as it was carried out: every run's configuration, result and provenance. From data to JSON,
 * without effects.
 */
import { storedConfig } from 'oabn/experiment';
import { type Labs, type PaperLab, sidesOf } from '../profiles/index.js';
import type { ReportRun } from './runs.js';

/** What the description of a report is made from. */
export interface CrateParts {
  /** The part of each lab that describes its data and scale. */
  readonly labs: Labs<Pick<PaperLab, 'profile' | 'train'>>;
  readonly runs: readonly ReportRun[];
  /** Files of the report's folder, relative to it, such as `index.html` and `figures/fig2.png`. */
  readonly files: readonly string[];
  /** ISO 8601. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly command: string;
  /** Name → version of the software that computed. */
  readonly versions: Readonly<Record<string, string>>;
}

/** The name that RO-Crate gives to its description. */
export const crateFile = 'ro-crate-metadata.json';
/** The file that holds how the report was made. */
export const workflowFile = 'workflow.json';
/** The file that says in words what lies in the folder. */
export const crateReadmeFile = 'README.md';

type Entity = Readonly<Record<string, unknown>>;

const ref = (id: string): { '@id': string } => ({ '@id': id });
const refs = (ids: readonly string[]): { '@id': string }[] => ids.map(ref);

const crate = 'https://w3id.org/ro/crate/1.1';
const workflowCrate = 'https://w3id.org/workflowhub/workflow-ro-crate/1.0';
const runProfiles = {
  'https://w3id.org/ro/wfrun/process/0.5': 'Process Run Crate',
  'https://w3id.org/ro/wfrun/workflow/0.5': 'Workflow Run Crate',
  [workflowCrate]: 'Workflow RO-Crate',
} as const;
const workflowProfile = 'https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE';
const licence = 'https://spdx.org/licenses/MIT';
const article = 'https://arxiv.org/abs/2402.07200';

/** The metadata of a report's folder, as `ro-crate-metadata.json` has it. */
export function runCrate(parts: CrateParts): object {
  const { labs, files, startedAt, finishedAt, versions } = parts;
  const { profile } = labs.cifar;
  const data = dataEntities(labs);
  const all = [workflowFile, crateReadmeFile, ...files];
  const graph: Entity[] = [
    {
      ...{ '@id': crateFile, '@type': 'CreativeWork', about: ref('./') },
      conformsTo: refs([crate, workflowCrate]),
    },
    {
      ...{ '@id': './', '@type': 'Dataset', datePublished: finishedAt, license: ref(licence) },
      name: titleOf(parts),
      description,
      author: ref('#authors'),
      conformsTo: refs(Object.keys(runProfiles)),
      hasPart: refs(all),
      mainEntity: ref(workflowFile),
      mentions: ref('#run'),
      isBasedOn: ref(article),
    },
    ...Object.entries(runProfiles).map(([id, name]) => ({
      ...{ '@id': id, '@type': 'CreativeWork', name, version: id.split('/').at(-1) },
    })),
    { '@id': workflowProfile, '@type': 'CreativeWork', name: 'Bioschemas ComputationalWorkflow' },
    { '@id': licence, '@type': 'CreativeWork', name: 'MIT License' },
    { '@id': '#authors', '@type': 'Organization', name: 'The authors of oabn' },
    {
      ...{ '@id': article, '@type': 'ScholarlyArticle' },
      name: 'Outlier-Aware Training for Low-Bit Quantization of Structural Re-Parameterized Networks',
    },
    {
      ...{ '@id': workflowFile, '@type': ['File', 'SoftwareSourceCode', 'ComputationalWorkflow'] },
      name: 'The runs of this report: configurations, results and provenance',
      encodingFormat: 'application/json',
      programmingLanguage: ref('#oabn'),
      input: refs(['#profile', '#data']),
      output: ref('#report'),
      version: versions.oabn ?? 'unknown',
      conformsTo: ref(workflowProfile),
    },
    {
      ...{ '@id': '#oabn', '@type': ['ComputerLanguage', 'SoftwareApplication'] },
      name: 'oabn: configurations of runs',
      version: versions.oabn ?? 'unknown',
      softwareRequirements: Object.entries(versions).map(([name, version]) => `${name} ${version}`),
    },
    ...formalParameters,
    {
      ...{ '@id': '#run', '@type': 'CreateAction', name: parts.command, instrument: ref(workflowFile) },
      description: `${parts.runs.length} runs of profile ${profile.name}, and the report about them.`,
      ...{ startTime: offsetTime(startedAt), endTime: offsetTime(finishedAt) },
      actionStatus: 'http://schema.org/CompletedActionStatus',
      object: [ref('#profile-value'), ...data.map(({ '@id': id }) => ref(id as string))],
      result: refs(files),
    },
    {
      ...{ '@id': '#profile-value', '@type': 'PropertyValue', exampleOfWork: ref('#profile') },
      ...{ name: 'profile', value: profile.name },
    },
    ...data,
    {
      ...{ '@id': crateReadmeFile, '@type': 'File', encodingFormat: 'text/markdown' },
      ...{ name: 'What lies in this folder', about: ref('./') },
    },
    ...files.map((id) => ({
      ...{ '@id': id, '@type': 'File', encodingFormat: formatOf(id) },
      ...(id === 'index.html' && { name: 'The report', exampleOfWork: ref('#report') }),
    })),
  ];
  return { '@context': `${crate}/context`, '@graph': graph };
}

const description =
  'Networks trained, merged and quantized as in arXiv 2402.07200, with the figures, tables and claims made from them.';

const titleOf = ({ labs }: Pick<CrateParts, 'labs'>): string =>
  `Outlier-aware training for low-bit quantization, reproduced: profile ${labs.cifar.profile.name}`;

/** The time as Process Run Crate wants it: with an offset instead of `Z`. */
const offsetTime = (time: string): string => time.replace(/Z$/, '+00:00');

/** What lies in a report's folder, for those who unpack it from an archive. */
export function crateReadme(parts: CrateParts): string {
  const { labs, command, finishedAt, versions } = parts;
  const data = sidesOf(labs).map(({ train }) => {
    const { dataset, note } = train.provenance;
    return note ? `${dataset}: ${note}` : dataset;
  });
  return `# ${titleOf(parts)}

${description}

Made by \`${command}\` (oabn ${versions.oabn ?? 'unknown'}), finished at ${finishedAt}. Data:

${[...new Set(data)].map((each) => `- ${each}`).join('\n')}

In this folder:

- \`index.html\`: the report. It opens in any browser, without an internet connection.
- \`figures/\`: its figures, as SVG and PNG.
- \`${workflowFile}\`: the configuration, accuracy and provenance of each of the ${parts.runs.length} runs.
- \`${crateFile}\`: this description for archives, as a Workflow Run Crate.
`;
}

/** What the workflow takes and gives, in general. */
const formalParameters: readonly Entity[] = [
  {
    ...{ '@id': '#profile', '@type': 'FormalParameter', additionalType: 'Text' },
    ...{ name: 'profile', valueRequired: true },
  },
  {
    ...{ '@id': '#data', '@type': 'FormalParameter', additionalType: 'Dataset' },
    ...{ name: 'data', valueRequired: true },
  },
  { '@id': '#report', '@type': 'FormalParameter', additionalType: 'File', name: 'report' },
];

/** The training data of the sides that there are, each once. */
function dataEntities(labs: CrateParts['labs']): Entity[] {
  const sets = sidesOf(labs).map(({ train: { provenance } }) => provenance);
  const entities = sets.map(
    ({ dataset, source, checksum, note }) =>
      [
        `#data-${checksum.replace(/[^\w]/g, '-')}`,
        { name: dataset, description: `${source}${note ? ` · ${note}` : ''}`, identifier: checksum },
      ] as const,
  );
  return [...new Map(entities)].map(([id, rest]) => ({
    ...{ '@id': id, '@type': 'Dataset', exampleOfWork: ref('#data') },
    ...rest,
  }));
}

const formats: Readonly<Record<string, string>> = {
  html: 'text/html',
  png: 'image/png',
  svg: 'image/svg+xml',
  json: 'application/json',
};

const formatOf = (path: string): string => formats[path.split('.').at(-1)!] ?? 'application/octet-stream';

/** The content of `workflow.json`. */
export function workflowRecord({ labs, runs, command }: CrateParts): object {
  return {
    command,
    profile: labs.cifar.profile.name,
    runs: runs.map(({ hash, config, result, provenance, from }) => ({
      ...{ hash, from, accuracy: result.accuracy, images: result.images },
      ...{ config: storedConfig(config), provenance },
    })),
  };
}
