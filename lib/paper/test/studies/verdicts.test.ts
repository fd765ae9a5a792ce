import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Claim, claimOf } from '../../src/claims/index.js';
import { onImagenet, type PaperLab, type Profile, profileNamed, profiles } from '../../src/profiles/index.js';
import { claimsMarkdown, readmePart, resultsMarkdown } from '../../src/report/index.js';
import {
  claimsSoFar,
  imagenetClaimsSoFar,
  readVerdicts,
  lowBitStudy,
  shippedClaims,
  shippedRows,
  shippedVerdicts,
  storedClaims,
  storeVerdicts,
  thresholdStudy,
} from '../../src/studies/index.js';

const claim = (id: string, effect: string): Claim =>
  claimOf({
    ...{ id, statement: 'A claim.', rule: 'Held: always.' },
    parts: [{ name: '4 bits', verdict: 'held', effect, evidence: 'Numbers.' }],
  });

function labOf(profile: Profile, runs: string, checksum = 'sha256:00'): PaperLab {
  return {
    ...{ profile, defaults: profile, opening: { runs } },
    data: { name: 'made', checksum, testImages: 200 },
    train: { made: true, size: 320, provenance: { dataset: 'made' } },
    test: { size: 200 },
  } as unknown as PaperLab;
}

describe('stored verdicts', () => {
  let runs: string;
  before(async () => {
    runs = await mkdtemp(join(tmpdir(), 'oabn-verdicts-'));
    const labs = { cifar: labOf(profiles.smoke, runs), imagenet: labOf(onImagenet(profiles.smoke), runs) };
    await storeVerdicts(labs, {
      claims: [claim('C3', '+1.0 points'), claim('C6', '+2.0 points')],
      onImagenet: [claim('C3', '+3.0 points')],
    });
  });
  after(() => rm(runs, { recursive: true }));

  it('are the same for whoever asks, and ImageNet’s own on its side', () => {
    const effects = (lab: PaperLab, ids?: string[]) => storedClaims(lab, ids)?.map(({ effect }) => effect);
    assert.deepEqual(effects(labOf(profiles.smoke, runs)), ['+1.0 points', '+2.0 points']);
    assert.deepEqual(effects(labOf(profiles.smoke, runs), ['C6']), ['+2.0 points']);
    assert.deepEqual(effects(labOf(onImagenet(profiles.smoke), runs)), ['+3.0 points', '+2.0 points']);
  });

  it('of CIFAR-10 are none of ImageNet’s, where that side has not judged', async () => {
    const apart = await mkdtemp(join(tmpdir(), 'oabn-verdicts-'));
    const [cifar, imagenet] = [labOf(profiles.smoke, apart), labOf(onImagenet(profiles.smoke), apart)];
    const claims = [claim('C3', '+1.0 points'), claim('C6', '+2.0 points')];
    await storeVerdicts({ cifar, imagenet }, { claims, onImagenet: [] });
    assert.equal(storedClaims(imagenet, ['C3', 'C6']), undefined);
    assert.deepEqual(storedClaims(imagenet, ['C6']), [claims[1]]);
    assert.equal(storedClaims(cifar, ['C3'])?.length, 1);
    await rm(apart, { recursive: true });
  });

  it('are none where a claim that is asked for is not among them', () => {
    assert.equal(storedClaims(labOf(profiles.smoke, runs), ['C8']), undefined);
    assert.equal(storedClaims(labOf(onImagenet(profiles.smoke), runs), ['C6', 'C7', 'C8']), undefined);
  });

  it('are not those of other runs: another profile, other data, other seeds', () => {
    assert.equal(storedClaims(labOf(profiles.quick, runs)), undefined);
    assert.equal(storedClaims(labOf(profiles.smoke, runs, 'sha256:11')), undefined);
    assert.equal(storedClaims(labOf({ ...profiles.smoke, seeds: [7] }, runs)), undefined);
  });
});

describe('claims on what is there yet', () => {
  it('leave out those that would compare what is not', async () => {
    const lab = { profile: profiles.desk } as unknown as PaperLab;
    const row = (threshold: number, seed: number) =>
      (['ptq', 'uniformQat', 'clusterQat'] as const).map((method) => ({
        ...{ threshold, seed, method, images: 1000, bits: 4, stateSize: 9, accuracy: 0.7, fp32: 0.8 },
      }));
    const rows = [row(Infinity, 1), row(Infinity, 2), row(0.5, 1), row(0.5, 2), row(0.1, 1)].flat();
    const claims = await claimsSoFar({ cifar: lab, imagenet: lab }, (_, { name }) =>
      Promise.resolve({ rows: name === 'low bits' ? (rows as never[]) : [] }),
    );
    const judged = claims.map(({ id }) => id);
    assert.deepEqual(judged, ['C9', 'C10', 'C11']);
  });
});

describe('shipped verdicts', () => {
  it('are those of both sides, or of one', () => {
    const ids = (options: Parameters<typeof shippedClaims>[0]) => shippedClaims(options).map(({ id }) => id);
    assert.deepEqual(ids({ ids: ['C3', 'C5'] }), ['C3', 'C5', 'C3']);
    assert.deepEqual(ids({ ids: ['C3', 'C5'], side: 'cifar' }), ['C3', 'C5']);
    assert.deepEqual(ids({ ids: ['C3', 'C5', 'C9'], side: 'imagenet' }), ['C5', 'C3']);
    assert.match(
      shippedClaims({ ids: ['C3'], side: 'imagenet' })[0]!.statement,
      /^On ImageNet’s classes: «With/,
    );
    assert.throws(
      () => shippedClaims({ profile: 'none' }),
      /No verdicts of profile none ship with the project/,
    );
  });

  it('are what the shipped results give, but for C12, which is measured', async () => {
    const { profile } = readmePart(await readFile('README.md', 'utf8'), 'claims');
    const [cifar, imagenet] = [profileNamed(profile), onImagenet(profileNamed(profile))].map(
      (each) => ({ profile: each }) as unknown as PaperLab,
    );
    const labs = { cifar: cifar!, imagenet: imagenet! };
    const { claims, onImagenet: there } = readVerdicts(shippedVerdicts(profile));
    const measured = claims.filter(({ id }) => id === 'C12');
    assert.deepEqual(stored([...(await claimsSoFar(labs, shippedRows)), ...measured]), claims);
    assert.deepEqual(stored(await imagenetClaimsSoFar(labs, shippedRows)), there);
  });
});

/** As JSON gives them back. */
const stored = (claims: readonly Claim[]): Claim[] => JSON.parse(JSON.stringify(claims)) as Claim[];

describe('the README', () => {
  it('has the stored verdicts of the profile that it names', async () => {
    const { profile, text } = readmePart(await readFile('README.md', 'utf8'), 'claims');
    assert.equal(text, claimsMarkdown(shippedClaims({ profile })));
  });

  it('has the shipped results of the profile that it names', async () => {
    const { profile, text } = readmePart(await readFile('README.md', 'utf8'), 'results');
    const lab = { profile: profileNamed(profile) };
    const { rows: sweep } = await shippedRows(lab, thresholdStudy());
    const { rows: cells } = await shippedRows(lab, lowBitStudy());
    assert.equal(text, resultsMarkdown({ sweep, cells }));
  });

  it('has what ships of the pair of the paper’s size', async () => {
    const [, text] = /<!-- pair of paper -->\n([^]*)<!-- end of pair -->/.exec(
      await readFile('README.md', 'utf8'),
    )!;
    const lab = { profile: profiles.paper };
    const { rows: sweep } = await shippedRows(lab, thresholdStudy());
    const { rows: cells } = await shippedRows(lab, lowBitStudy());
    assert.equal(text!.trim(), resultsMarkdown({ sweep, cells }).trim());
  });
});
