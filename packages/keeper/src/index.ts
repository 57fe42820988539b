export { type BridgeOptions, runBridge } from './bridge.ts'
