// SPDX-License-Identifier: Apache-2.0
//
// The OCA's cases: configuration keys, the authorization cache.
import assert from 'node:assert/strict';
import { theStage } from './actors.mjs';
import { theCase } from './oca.mjs';

const { operator, connect } = theStage();
const key = (name, value, readonly = false) => ({ key: name, readonly, value });

// OCPP 1.6 §9: what a station of all profiles must know.
const everyKey = [
  key('AuthorizeRemoteTxRequests', 'false'), key('ClockAlignedDataInterval', '0'), key('ConnectionTimeOut', '60'),
  key('ConnectorPhaseRotation', 'Unknown'), key('GetConfigurationMaxKeys', '50', true), key('HeartbeatInterval', '300'),
  key('LocalAuthorizeOffline', 'true'), key('LocalPreAuthorize', 'false'), key('MeterValuesAlignedData', ''),
  key('MeterValuesSampledData', 'Energy.Active.Import.Register'), key('MeterValueSampleInterval', '60'),
  key('NumberOfConnectors', '2', true), key('ResetRetries', '3'), key('StopTransactionOnEVSideDisconnect', 'true'),
  key('StopTransactionOnInvalidId', 'true'), key('StopTxnAlignedData', ''), key('StopTxnSampledData', ''),
  key('SupportedFeatureProfiles', 'Core,LocalAuthListManagement,Reservation,RemoteTrigger,SmartCharging', true),
  key('TransactionMessageAttempts', '3'), key('TransactionMessageRetryInterval', '60'),
  key('UnlockConnectorOnEVSideDisconnect', 'true'), key('LocalAuthListEnabled', 'true'),
  key('LocalAuthListMaxLength', '100', true), key('SendLocalListMaxLength', '100', true),
  key('ChargeProfileMaxStackLevel', '10', true), key('ChargingScheduleAllowedChargingRateUnit', 'Current,Power', true),
  key('ChargingScheduleMaxPeriods', '24', true), key('MaxChargingProfilesInstalled', '16', true),
];

theCase('TC_019_1_CSMS', async (id) => {
  const station = await connect(id, { GetConfiguration: { configurationKey: everyKey, unknownKey: [] } });
  const result = await operator.sends(station, 'GetConfiguration');
  assert.deepEqual(result.configurationKey, everyKey, 'the operator sees every key');
  await station.close();
});

theCase('TC_019_2_CSMS', async (id) => {
  const answer = { configurationKey: everyKey.filter((k) => k.key === 'SupportedFeatureProfiles') };
  const station = await connect(id, { GetConfiguration: answer });
  assert.deepEqual(await operator.sends(station, 'GetConfiguration', { key: ['SupportedFeatureProfiles'] }), answer);
  await station.close();
});

for (const [number, name, value, status] of [
  ['TC_021_CSMS', 'MeterValueSampleInterval', '60', 'Accepted'],
  ['TC_040_1_CSMS', 'NoSuchKey', '123', 'NotSupported'],
  ['TC_040_2_CSMS', 'MeterValueSampleInterval', '-1', 'Rejected'],
]) {
  theCase(number, async (id) => {
    const station = await connect(id, { ChangeConfiguration: { status } });
    assert.deepEqual(await operator.sends(station, 'ChangeConfiguration', { key: name, value }), { status });
    await station.close();
  });
}

theCase('TC_061_CSMS', async (id) => {
  const station = await connect(id, { ClearCache: { status: 'Accepted' } });
  assert.deepEqual(await operator.sends(station, 'ClearCache'), { status: 'Accepted' });
  await station.close();
});
