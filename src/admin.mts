export type * from './admin.js'
export {
  doctor,
  exportRecords,
  findUnreadable,
  importPublished,
  importRecords,
  registrations,
  reseal,
  revokeSession,
  revokeUser,
  sessions,
  users,
} from './admin.js'
