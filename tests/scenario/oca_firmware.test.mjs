// SPDX-License-Identifier: Apache-2.0
//
// The OCA's cases: firmware and diagnostics.
import assert from 'node:assert/strict';
import { now, theStage } from './actors.mjs';
import { theCase } from './oca.mjs';

const { operator, connect } = theStage();
const steps = async (station, ...statuses) => {
  for (const status of statuses) await station.call('FirmwareStatusNotification', { status });
};
const everywhere = async (station, status) => {
  for (const connector of [0, 1, 2]) await station.reports(connector, status);
};

async function isTold(id) {
  const station = await connect(id, { UpdateFirmware: {} });
  await station.isAvailable();
  const order = { location: 'https://files.test/fw.bin', retries: 1, retrieveDate: now(60), retryInterval: 1 };
  assert.deepEqual(await operator.sends(station, 'UpdateFirmware', order), {});
  return station;
}

theCase('TC_044_1_CSMS', async (id) => {
  const station = await isTold(id);
  await steps(station, 'Downloading', 'Downloaded');
  await everywhere(station, 'Unavailable');
  await steps(station, 'Installing');
  await station.dies();
  await station.reconnect();
  assert.equal((await station.boots({ firmwareVersion: '2.2' })).status, 'Accepted');
  await everywhere(station, 'Available');
  await steps(station, 'Installed');
  assert.equal((await operator.reads(`/v1/stations/${id}`)).firmware_version, '2.2');
  await station.close();
});

theCase('TC_044_2_CSMS', async (id) => {
  const station = await isTold(id);
  await steps(station, 'Downloading', 'DownloadFailed');
  await station.close();
});

theCase('TC_044_3_CSMS', async (id) => {
  const station = await isTold(id);
  await steps(station, 'Downloading', 'Downloaded');
  await everywhere(station, 'Unavailable');
  await steps(station, 'Installing');
  assert.equal((await station.boots()).status, 'Accepted');
  await everywhere(station, 'Available');
  await steps(station, 'InstallationFailed');
  await station.close();
});

for (const [number, outcome] of [['TC_045_1_CSMS', 'Uploaded'], ['TC_045_2_CSMS', 'UploadFailed']]) {
  theCase(number, async (id) => {
    const station = await connect(id, { GetDiagnostics: { fileName: 'diagnostics.zip' } });
    const wish = { location: 'https://files.test/up', retries: 1, retryInterval: 1, startTime: now(-7200), stopTime: now(-3600) };
    assert.deepEqual(await operator.sends(station, 'GetDiagnostics', wish), { fileName: 'diagnostics.zip' });
    for (const status of ['Uploading', outcome]) await station.call('DiagnosticsStatusNotification', { status });
    await station.close();
  });
}
