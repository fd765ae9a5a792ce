import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configHash, writeJsonAtomic } from 'oabn-base';
import { normalizeConfig, storedConfig, type RunConfig } from 'oabn/experiment';
import { openStore } from 'provable-runs';
import { type PaperLab, profiles, type Profile } from '../../src/profiles/index.js';
import {
  learningRateStudy,
  outlierStudy,
  plainNetworkStudy,
  shippedStudy,
  studyJobs,
  thresholdStudy,
} from '../../src/studies/index.js';

const checksum = 'sha256:0123';

/** Puts made-up results of a profile's study into a folder as they ship: those that `which` takes. */
async function ship(folder: string, profile: Profile, which: (config: RunConfig) => boolean): Promise<void> {
  const lab = { profile, defaults: profile, data: { ...profile.data, checksum } } as unknown as PaperLab;
  const runs = await mkdtemp(join(tmpdir(), 'oabn-runs-'));
  const provenance = { dataset: { dataset: 'CIFAR-10', source: 's', checksum, note: '' } };
  const store = openStore(runs);
  for (const { config } of studyJobs(lab, [thresholdStudy()])) {
    if (!which(config)) continue;
    const stored = storedConfig(normalizeConfig(config));
    const accuracy = config.kind === 'pretrain' ? 0.8 : 0.7;
    const result = { accuracy, images: 100, stateSize: 9, outliers: [], epochs: [], network: 'n' };
    const { hash } = await store.request(stored, () => Promise.resolve(result), { provenance });
    assert.equal(hash, configHash(stored));
    await store.export(hash, folder);
  }
  await rm(runs, { recursive: true });
}

describe('studies: what ships', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-ships-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is of the best profile that has any, and says what is missing', async () => {
    await ship(folder, profiles.quick, () => true);
    const quick = await shippedStudy(thresholdStudy(), { folder });
    assert.equal(quick.profile.name, 'quick');
    assert.equal(quick.there, quick.of);
    assert.match(
      quick.source,
      /^profile quick · CIFAR-10 · 16000 training images × 3 epochs · 2 seeds · as shipped$/,
    );
    assert.deepEqual([quick.rows[0]!.fp32, quick.rows[0]!.accuracy], [0.8, 0.7]);

    // Of desk two sevenths of the rows: quick, which has all, is still shown. Then more than a third.
    const more = await mkdtemp(join(tmpdir(), 'oabn-ships-'));
    const at =
      (...bits: number[]) =>
      (config: RunConfig) =>
        config.kind === 'pretrain' || (config.kind === 'ptq' && bits.includes(config.scheme.bits));
    await ship(more, profiles.quick, () => true);
    await ship(more, profiles.desk, at(4, 2));
    const still = await shippedStudy(thresholdStudy(), { folder: more });
    assert.equal(still.profile.name, 'quick');
    const first = await mkdtemp(join(tmpdir(), 'oabn-ships-'));
    await ship(first, profiles.desk, (config) => JSON.stringify(config).includes('"seed":1'));
    const { source } = await shippedStudy(thresholdStudy(), { folder: first });
    assert.match(source, /· 1 seed · as shipped/, 'seeds that are there');
    await rm(first, { recursive: true });
    await rm(more, { recursive: true });
    await ship(folder, profiles.desk, at(8, 6, 5, 4));
    // A process reads a folder once.
    const moved = `${folder}-moved`;
    await cp(folder, moved, { recursive: true });
    const desk = await shippedStudy(thresholdStudy(), { folder: moved });
    assert.equal(desk.profile.name, 'desk');
    assert.deepEqual([...new Set(desk.rows.map(({ bits }) => bits))], [8, 6, 5, 4]);
    assert.match(desk.source, /· 1 to 3 seeds ·/);
    assert.match(desk.source, new RegExp(`as shipped \\(${desk.there} of ${desk.of} results\\)`));
    await rm(moved, { recursive: true });
  });

  it('is of a profile with all seeds before a better one with one of three', async () => {
    await ship(folder, profiles.quick, ({ kind }) => kind === 'pretrain');
    const isFirst = ({ kind, ...config }: RunConfig): boolean =>
      kind === 'pretrain' && JSON.stringify(config).includes('"seed":1');
    await ship(folder, profiles.desk, isFirst);
    const { profile } = await shippedStudy(plainNetworkStudy, { folder });
    assert.equal(profile.name, 'quick');
  });

  it('looks for a search whose images are held out of the training ones', async () => {
    const { smoke, desk } = profiles;
    const one = { ...desk, thresholds: [Infinity], seeds: [1], ptqBits: [8] };
    await ship(folder, one, () => true);
    await assert.rejects(
      shippedStudy(learningRateStudy, { folder, profiles: [desk, smoke] }),
      /No results of «learning rates» ship/,
    );
  });

  it('refuses where nothing ships, with what to do', async () => {
    await assert.rejects(
      shippedStudy(thresholdStudy(), { folder }),
      /No results of «accuracy over s» ship with the project .* run it in a lab instead/,
    );
    await writeJsonAtomic(join(folder, 'note.json'), {});
  });

  it('has the outliers at the end of networks whose epochs were not observed', async () => {
    const grid = { epochs: [16], widths: [1], bits: [4] };
    const study = outlierStudy({ decays: ['kernels', 'kernelsAndIdentity'], ...grid });
    const { rows } = await shippedStudy(study, { profiles: [profiles.desk] });
    const reach = (decay: string, threshold: number): number =>
      rows.find((row) => row.decay === decay && row.threshold === threshold)!.trace.at(-1)!.meanPeakToSigma!;
    assert.ok(reach('kernels', Infinity) > reach('kernelsAndIdentity', Infinity));
    assert.ok(reach('kernelsAndIdentity', Infinity) > reach('kernelsAndIdentity', 0.5));
  });
});
