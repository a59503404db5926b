import { judge } from './tables.mjs'

/**
 * The titles of the groups that fell short of a target and were not measured again: that is done once, since whoever repeats
 * until all targets are reached chooses among runs.
 * @param {object[]} targets
 * @param {object[]} groups
 */
export function missedOf(targets, groups) {
  const once = groups.filter(({ again }) => again === undefined)
  const missed = judge(targets, once).filter(({ isReached }) => !isReached)
  return [...new Set(missed.map(({ target }) => target.group))]
}

/** The last measurement counts, better or worse. @param again - how these were measured, unlike the others */
export function replaceGroups(result, groups, again) {
  const renewed = new Map(groups.map((group) => [group.title, { ...group, again }]))
  return { ...result, groups: result.groups.map((group) => renewed.get(group.title) ?? group) }
}
