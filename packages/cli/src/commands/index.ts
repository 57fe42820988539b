/** The commands, in the order in which help shows them. */
import type { Command } from '../command.ts'
import { agentAdd } from './agent-add.ts'
import { agentList } from './agent-list.ts'
import { agentSet } from './agent-set.ts'
import { agentShow } from './agent-show.ts'
import { agentResume, agentRetire, agentSuspend } from './agent-status.ts'
import { auditTail, auditTrace } from './audit.ts'
import { auditCompare } from './audit-compare.ts'
import { auditCopy } from './audit-copy.ts'
import { auditProof } from './audit-proof.ts'
import { auditVerify } from './audit-verify.ts'
import { authority } from './authority.ts'
import { backup } from './backup.ts'
import { connect } from './connect.ts'
import { gateway } from './gateway.ts'
import { grantList, grantRevoke, grantShow } from './grant.ts'
import { helpCommand } from './help.ts'
import { inventory } from './inventory.ts'
import { invite } from './invite.ts'
import { keysRotate } from './keys-rotate.ts'
import { policyApply, policyCheck, policyShow, policyWatch } from './policy.ts'
import { policyExplain } from './policy-explain.ts'
import { policyDiff, policyLog } from './policy-log.ts'
import { policyNew, policyTemplates } from './policy-new.ts'
import { policySchema } from './policy-schema.ts'
import { policyTest } from './policy-test.ts'
import { policyWhatIf } from './policy-what-if.ts'
import { restore } from './restore.ts'
import { revoke } from './revoke.ts'
import { serverAdd } from './server-add.ts'
import { serverLabel } from './server-label.ts'
import { serverList } from './server-list.ts'
import { serverMap } from './server-map.ts'
import { serverRemove } from './server-remove.ts'
import { serverSet } from './server-set.ts'
import { serverShow } from './server-show.ts'
import { status } from './status.ts'
import { up } from './up.ts'
import { version } from './version.ts'
import { witness } from './witness.ts'

export const commands: readonly Command[] = [
  up,
  authority,
  gateway,
  witness,
  connect,
  serverAdd,
  serverList,
  serverShow,
  serverLabel,
  serverSet,
  serverMap,
  serverRemove,
  agentAdd,
  agentList,
  agentShow,
  agentSet,
  agentSuspend,
  agentResume,
  agentRetire,
  grantList,
  grantShow,
  grantRevoke,
  revoke,
  policyCheck,
  policyTest,
  policyExplain,
  policyWhatIf,
  policyDiff,
  policyLog,
  policyTemplates,
  policyNew,
  policySchema,
  policyApply,
  policyShow,
  policyWatch,
  auditTail,
  auditTrace,
  auditProof,
  auditVerify,
  auditCompare,
  auditCopy,
  status,
  inventory,
  invite,
  keysRotate,
  backup,
  restore,
  helpCommand(() => commands),
  version,
]
