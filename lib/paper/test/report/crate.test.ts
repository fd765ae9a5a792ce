import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from 'oabn-base';
import { cifar10Classes } from 'oabn/data';
import { crateReadme, runCrate, workflowRecord } from '../../src/report/index.js';
import { reportFixture, runs } from './reportFixture.js';

type Entity = Record<string, unknown> & { '@id': string };

const { labs } = await reportFixture();
const parts = {
  ...{ labs, runs, files: ['index.html', 'figures/fig2.svg'] },
  ...{ startedAt: '2026-11-25T22:00:00.000Z', finishedAt: '2026-11-25T22:07:00.000Z' },
  ...{ command: 'oabn reproduce', versions: { node: '20.19.0', oabn: '0.2.0' } },
};

/** The ids that a value refers to, wherever they stand in it. */
function referencesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(referencesIn);
  if (typeof value !== 'object' || value === null) return [];
  const entries = Object.entries(value);
  if (entries.length === 1 && entries[0]![0] === '@id') return [entries[0]![1] as string];
  return entries.flatMap(([, member]) => referencesIn(member));
}

describe('report: the RO-Crate', () => {
  const crate = JSON.parse(JSON.stringify(runCrate(parts))) as { '@context': string; '@graph': Entity[] };
  const graph = new Map(crate['@graph'].map((entity) => [entity['@id'], entity]));
  const typed = (type: string): Entity[] =>
    crate['@graph'].filter((entity) => [entity['@type']].flat().includes(type));

  it('is flat JSON-LD: every entity once, with a type, and no reference to what is not there', () => {
    assert.equal(crate['@context'], 'https://w3id.org/ro/crate/1.1/context');
    assert.equal(graph.size, crate['@graph'].length);
    for (const entity of crate['@graph']) assert.ok(entity['@type'], entity['@id']);
    // Versions of the specification itself are no entities.
    const outside = referencesIn(crate['@graph'].map(({ '@id': _, ...rest }) => rest)).filter(
      (id) => !graph.has(id),
    );
    assert.deepEqual([...new Set(outside)], ['https://w3id.org/ro/crate/1.1']);
  });

  it('has what Workflow Run Crate asks for', () => {
    const descriptor = graph.get('ro-crate-metadata.json')!;
    assert.deepEqual(descriptor.about, { '@id': './' });
    const root = graph.get('./')!;
    assert.deepEqual(
      (root.conformsTo as Entity[]).map((profile) => profile['@id']),
      [
        'https://w3id.org/ro/wfrun/process/0.5',
        'https://w3id.org/ro/wfrun/workflow/0.5',
        'https://w3id.org/workflowhub/workflow-ro-crate/1.0',
      ],
    );
    for (const member of ['name', 'description', 'datePublished', 'license']) assert.ok(root[member], member);
    const workflow = graph.get((root.mainEntity as Entity)['@id'])!;
    assert.deepEqual(workflow['@type'], ['File', 'SoftwareSourceCode', 'ComputationalWorkflow']);
    assert.deepEqual(
      [graph.get((workflow.programmingLanguage as Entity)['@id'])!['@type']].flat()[0],
      'ComputerLanguage',
    );
    const [action] = typed('CreateAction');
    assert.deepEqual(action!.instrument, root.mainEntity);
    assert.equal(action!.startTime, '2026-11-25T22:00:00.000+00:00');
    assert.equal(action!.endTime, '2026-11-25T22:07:00.000+00:00');
    const results = (action!.result as Entity[]).map((file) => file['@id']);
    assert.deepEqual(results, parts.files);
    const kept = (root.hasPart as Entity[]).map((file) => file['@id']);
    for (const file of [...results, workflow['@id']]) assert.ok(kept.includes(file), file);
    // Each formal parameter of the workflow has what was given or made for it.
    const examples = crate['@graph'].flatMap((entity) => referencesIn(entity.exampleOfWork));
    for (const parameter of typed('FormalParameter')) assert.ok(examples.includes(parameter['@id']));
  });

  it('says in words what lies in the folder, and how it was made', () => {
    assert.deepEqual(graph.get('README.md')!.about, { '@id': './' });
    const text = crateReadme(parts);
    for (const named of ['index.html', 'workflow.json', 'ro-crate-metadata.json', parts.command, '0.2.0'])
      assert.ok(text.includes(named), named);
    assert.ok(text.includes(labs.cifar.train.provenance.dataset));
  });

  it('records every run, as its hash says', () => {
    const record = workflowRecord(parts) as { runs: { hash: string; config: unknown }[] };
    assert.deepEqual(
      record.runs.map(({ hash }) => hash),
      runs.map(({ hash }) => hash),
    );
  });
});

describe('data: Croissant metadata', () => {
  const folder = join(projectFolder(), 'data', 'croissant');
  const readme = readFileSync(join(projectFolder(), 'data', 'README.md'), 'utf8');

  for (const name of readdirSync(folder)) {
    it(`of ${name} describes files by the checksums that the README has, and its fields by them`, () => {
      const { conformsTo, distribution, recordSet, description } = JSON.parse(
        readFileSync(join(folder, name), 'utf8'),
      );
      assert.equal(conformsTo, 'http://mlcommons.org/croissant/1.0');
      assert.match(description, /JPEG/);
      const files = distribution.map((file: Entity) => file['@id']);
      for (const { sha256 } of distribution) assert.ok(readme.includes(sha256), sha256);
      const fields = recordSet.flatMap((set: { field: Entity[] }) => set.field);
      const ids = fields.map((field: Entity) => field['@id']);
      for (const { source, references } of fields) {
        if (source) assert.ok(files.includes(source.fileObject['@id']));
        if (references) assert.ok(ids.includes(references.field['@id']));
      }
    });
  }

  it('has the classes of CIFAR-10 in the library’s order', () => {
    const { recordSet } = JSON.parse(readFileSync(join(folder, 'cifar10.json'), 'utf8'));
    const classes = recordSet.find((set: Entity) => set['@id'] === 'classes').data;
    assert.deepEqual(
      classes.map((row: Record<string, unknown>) => row['classes/name']),
      [...cifar10Classes],
    );
  });
});
