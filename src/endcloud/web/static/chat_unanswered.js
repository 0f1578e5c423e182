// Which of a customer's words wait for an answer. Several may: words are heard at once and answered in their order.

/** The customer's turns that no answer came to, oldest first; a person has seen all that was said before their own. */
export function unanswered(turns) {
  const answered = new Set(turns.filter((turn) => !turn.cut).map((turn) => turn.answers));
  const since = turns.findLastIndex((turn) => turn.speaker === "human") + 1;
  return turns.slice(since).filter((turn) => turn.speaker === "customer" && !answered.has(turn.id));
}
