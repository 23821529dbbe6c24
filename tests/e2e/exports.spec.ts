import jsonld from 'jsonld';
import type { Page } from '@playwright/test';
import type { Product } from './support/product.ts';
import { delivered, expect, part, test, visit } from './support/visit.ts';

const DPV = 'https://w3id.org/dpv#';
const DCT = 'http://purl.org/dc/terms/';
const GDPR = 'https://w3id.org/dpv/legal/eu/gdpr#';

/** Terms of DPV 2.1 that a record may use; the processor below refuses every term that its context does not define. */
const TERMS = `Authority ConsentGiven ConsentNotice ConsentRecord ConsentRefused ConsentWithdrawn DataController DataProtectionOfficer DataSubject
  DataSubjectRight Duration ExpressedConsent Marketing Optional Organisation PersonalData Process ProvideConsent Purpose RenewedConsentGiven
  ServicePersonalisation ServiceUsageAnalytics StorageDuration ThirdParty UntilTimeDuration WithdrawConsent
  hasApplicableLaw hasAuthority hasConsentControl hasConsentStatus hasDataController hasDataProtectionOfficer hasDataSubject hasDuration hasEntity
  hasIdentifier hasIndicationMethod hasJurisdiction hasLegalBasis hasLocation hasName hasNecessity hasNotice hasPersonalData hasProcess hasPurpose
  hasRecipient hasRight hasStorageCondition isExercisedAt isIndicatedAtTime isIndicatedBy`.split(/\s+/);

/** What ISO/IEC TS 27560 asks of every record, by its property in the DPV guide. */
const MANDATORY = [
  DCT + 'conformsTo', DCT + 'identifier', DCT + 'language', ...['hasDataSubject', 'hasNotice', 'hasProcess', 'hasDataController', 'hasJurisdiction',
    'hasConsentControl', 'hasRight', 'hasEntity', 'hasConsentStatus'].map((name) => DPV + name),
];
const OF_A_PROCESS = ['hasPurpose', 'hasPersonalData', 'hasRecipient', 'hasStorageCondition', 'hasConsentStatus'].map((name) => DPV + name);
const OF_A_STATUS = ['isIndicatedAtTime', 'hasDuration', 'isIndicatedBy'].map((name) => DPV + name);

/** Answers in the browser; gives what opens the record. */
const answer = async (page: Page, product: Product, press: (page: Page) => Promise<void>) => {
  await visit(page, product.front.origin);
  await press(page);
  await delivered(page);
  return page.evaluate(() => {
    const { record, secret } = (window as any).askfirst.receipt();
    return { id: record.record_id as string, secret: secret as string };
  });
};
const save = async (page: Page) => {
  await part(page, 'customise').click();
  await part(page, 'switch-analytical').click();
  await part(page, 'save').click();
};
const get = (product: Product, { id, secret }: { id: string; secret: string }, format: string) =>
  fetch(`${product.origin}/askfirst/v1/records/${id}?format=${format}`, { headers: { authorization: `Bearer ${secret}` } });

test('a record as JSON-LD is a consent record of ISO/IEC TS 27560 in the terms of the DPV (R8)', async ({ page, product }) => {
  const opens = await answer(page, product, save);
  const response = await get(product, opens, 'dpv');
  expect(response.headers.get('content-type')).toBe('application/ld+json');
  const document = await response.json();
  // Safe: a term that is not defined or a value that would be lost is an error. No document is fetched.
  const documentLoader = () => { throw new Error('nothing is to be fetched'); };
  const [record] = await jsonld.expand(document, { safe: true, documentLoader } as any) as any[];
  expect(record['@type']).toEqual([DPV + 'ConsentRecord']);
  expect(record['@id']).toBe(`urn:uuid:${opens.id}`);
  for (const property of MANDATORY) expect(record[property]?.length, property).toBeGreaterThan(0);
  expect(record[DCT + 'conformsTo']).toEqual([{ '@id': 'https://w3id.org/dpv/schema/dpv-27560#record' }]);
  const statuses = record[DPV + 'hasProcess'].map((process: any) => {
    for (const property of OF_A_PROCESS) expect(process[property], property).toBeDefined();
    const [status] = process[DPV + 'hasConsentStatus'];
    for (const property of OF_A_STATUS) expect(status[property]?.length, property).toBe(1);
    return [process[DPV + 'hasPurpose'][0][DCT + 'identifier'][0]['@value'], status['@type'][0]];
  });
  expect(Object.fromEntries(statuses)).toEqual({ analytical: DPV + 'ConsentGiven', marketing: DPV + 'ConsentRefused' });
  expect(record[DPV + 'hasLegalBasis']).toEqual([{ '@id': GDPR + 'A6-1-a' }]);

  // Every IRI is one that the vocabulary has, and the graph survives its canonical form.
  const quads = await jsonld.toRDF(document, { format: 'application/n-quads', safe: true, documentLoader } as any) as unknown as string;
  const used = [...quads.matchAll(/<https:\/\/w3id\.org\/dpv#([^>]*)>/g)].map(([, term]) => term!);
  expect(used.filter((term) => !TERMS.includes(term))).toEqual([]);
  expect(quads).not.toContain(opens.secret);
  expect(quads).not.toMatch(/[<"](dpv|dct|loc|pd|eu-gdpr|schema|skos):/);
  expect(quads.split('\n').length).toBeGreaterThan(60);
});

test('a Kantara consent receipt 1.1 has what the specification asks for, and only what was consented to (R8)', async ({ page, product }) => {
  const opens = await answer(page, product, save);
  const receipt = await (await get(product, opens, 'kantara')).json();
  // The fields that are "MUST" in the tables of section 4, with their types.
  const string = expect.stringMatching(/./);
  expect(receipt).toEqual({
    version: 'KI-CR-v1.1.0', jurisdiction: string, consentTimestamp: expect.any(Number), collectionMethod: string,
    consentReceiptID: opens.id, language: 'en', piiPrincipalId: string, policyUrl: expect.stringMatching(/^https?:\/\//), sensitive: false, spiCat: [],
    piiControllers: [{ piiController: 'Slack Water Press B.V.', contact: string, address: { streetAddress: string }, email: string, phone: string }],
    services: [{
      service: product.front.origin,
      purposes: [{
        purpose: string, purposeCategory: [string], consentType: 'EXPLICIT', piiCategory: [string, string], primaryPurpose: false,
        termination: expect.stringMatching(/^2\d{3}-/), thirdPartyDisclosure: true, thirdPartyName: expect.stringContaining('Plausible'),
      }],
    }],
  });
  expect(Math.abs(receipt.consentTimestamp * 1000 - Date.now())).toBeLessThan(60_000);
  expect(JSON.stringify(receipt)).not.toContain('Google Ireland');
});

test('the owner gets the same forms as the visitor; a form that there is not, or that a refusal can\'t have, is said to be so', async ({ page, product }) => {
  await product.configure((config: any) => (config.records.refusals = 'pseudonymous'));
  const opens = await answer(page, product, (page) => part(page, 'reject').click());
  const same = await product.askfirst('export', '--database', 'records.sqlite', '--record', opens.id, '--format', 'dpv');
  expect(JSON.parse(same.stdout)).toEqual(await (await get(product, opens, 'dpv')).json());
  const pack = await product.askfirst('export', '--database', 'records.sqlite', '--record', opens.id, '--format', 'evidence');
  expect(JSON.parse(pack.stdout)).toEqual(await (await get(product, opens, 'evidence')).json());
  const none = await get(product, opens, 'kantara');
  expect(none.status).toBe(409);
  expect((await none.json()).message).toBe('This record grants nothing, and a Kantara receipt is for what was consented to.');
  expect((await get(product, opens, 'pdf')).status).toBe(400);
  expect((await get(product, { ...opens, secret: 'x' }, 'dpv')).status).toBe(404);
});

test('an evidence pack is verified where it lies on a server, with the holder\'s secret', async ({ page, product }) => {
  const opens = await answer(page, product, (page) => part(page, 'accept').click());
  const { writeFile } = await import('node:fs/promises');
  await writeFile(`${product.dir}/secret`, `${opens.secret}\n`);
  const url = `${product.origin}/askfirst/v1/records/${opens.id}?format=evidence`;
  const good = await product.askfirst('verify', '--key', await product.vkey(), '--secret-file', 'secret', url);
  expect(good.stdout, good.stderr).toContain('Everything holds.');
  expect((await product.askfirst('verify', url)).stderr).toContain('the server answers 401');
  expect((await product.askfirst('verify', 'http://example.com/pack.json')).stderr).toContain('plain http is for this machine only');
});
