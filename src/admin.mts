export type * from './admin.js'
export {
  exportRecords,
  findUnreadable,
  importRecords,
  registrations,
  reseal,
  revokeSession,
  revokeUser,
  sessions,
  users,
} from './admin.js'
