// What rounds of evolution say in English sentences and names, in Chinese: reasons of choices, and figures of stages.
// What is not listed here is shown as the service wrote it.

const REASONS = [
  [/^against the rules: it says (.+)$/, "与店规不符：说成 $1"],
  [/^wrong facts: it says (.+), the cloud does not$/, "事实有误：说 $1，云端不这样说"],
  [/^low score: ([\d.]+), below ([\d.]+)$/, "得分低：$1，低于 $2"],
  [/^low score$/, "得分低"], [/^wrong facts$/, "事实有误"], [/^against the rules$/, "与店规不符"],
  [/^disliked by a customer$/, "客人点踩"], [/^disliked$/, "客人点踩"], [/^the customer complained$/, "客人投诉"],
  [/^the customer asked for a person$/, "客人要求人工"], [/^the customer asked the same again$/, "客人又问了一遍"],
  [/^stopped by a check$/, "没有通过发送前检查"], [/^nobody was sure enough to answer$/, "没有把握，只回了谨慎话术"],
  [/^the end model was not sure, and the cloud answered$/, "端侧没有把握，由云端回答"],
  [/^changed by an agent$/, "客服改过"], [/^corrected by a person$/, "人工改写过"], [/^rejected by a reviewer$/, "复核员驳回"],
  [/^its old answer (.+)$/, "旧答案$1"],
  [/^unsupported fact$/, "说了没有依据的事"], [/^(?:like )?(\d+) times$/, "出现 $1 次"], [/^sample$/, "随机抽样"], [/^low relevance$/, "与问题不相关"],
];

const FIGURES = {
  replies: "回复数", "mean relevance": "平均相关度", "against the rules": "与店规不符", compared: "与云端比较过", "by cause": "抽查原因",
  low: "得分低", "wrong facts": "事实有误", "mean score of the sample": "抽样平均得分", calls: "云端调用", spent: "花费", notes: "备注",
  "left for later": "留到下一轮", unanswered: "云端没有可用的回答", judgement: "判断", reason: "理由", audits: "抽查", feedback: "反馈", chosen: "挑出", questions: "问题数",
  customers: "客人数", "most frequent": "最多重复", reasons: "原因", lessons: "要学的", human: "人给的答案", "held out": "留作考题",
  "waiting for a reviewer": "等复核员确认", refused: "不可用的标注", forgotten: "客人已要求删除", replayed: "温习的旧题", from: "起点版本",
  steps: "训练步数", learning_rate: "学习率", objective: "目标", loss_first: "开始损失", loss_last: "结束损失", seconds: "秒", version: "版本",
  needed: "所需证据", evidence: "证据", "expected at most": "容许下降", mean: "平均", "unsupported fact": "说了没有依据的事",
  "a newer truth": "规则改动与人工纠正", "confirmed by the cloud": "云端确认仍有效", "lessons on the new rules": "按新规则要学的",
  "replaced by corrections": "被人工纠正取代", "no label yet": "云端还没有回答", "leaks a placeholder": "有多余的占位符", empty: "空回复",
  truncated: "回复被截断", unrestorable: "占位符无法还原",
  retired: "作废的旧材料", doubtful: "存疑的旧材料", "canary share": "先行比例", new: "新问题", golden: "标准题", old: "旧知识",
};

// Why older material holds no more: the words within a longer sentence.
const RETIRED = [
  [/states (.+?), which the rules no longer say/, "说 $1，店规已不这样说"], [/states (.+?), and may be about a changed rule/, "说 $1，可能与改过的店规有关"],
  [/is about a changed rule, and says it in other words/, "与改过的店规有关，说法不同"], [/states (.+?), which a person has corrected/, "说 $1，已被人工纠正"],
  [/struck out/, "删去"], [/^new: /, "新增："], [/^(example|label|lesson) \S+: /, (_, kind) => `${{ example: "历史对话", label: "云端回答", lesson: "学过的题" }[kind]}：`],
];

// The sentences of verdicts and of what became of a round: each pattern is one part of a longer text.
const PART = { "the new questions": "新问题", "the golden questions": "标准题", "the trained questions": "学过的题" };
const OUTCOMES = [
  [/the (?:new|golden|trained) questions/g, (name) => PART[name]],
  [/nothing could be judged/g, "没有可评判的"],
  [/([-\d.]+) against ([-\d.]+), difference ([-\d.]+) \[([-\d.]+), ([-\d.]+)\] over (\d+) (cluster|dialogue)s?/g,
    (_, one, other, mean, low, high, n, what) => `候选 ${one}，现用 ${other}，差 ${mean} [${low}, ${high}]，共 ${n} ${what === "cluster" ? "组问题" : "段对话"}`],
  [/Worse than the margin of ([\d.]+) on (.+?)\.(?=\s|$)/g, "比容许的 $1 更差：$2。"],
  [/Only (\d+) clusters of new questions are held out; (\d+) are needed to judge\./g, "留作考题的新问题只有 $1 组，评判需要 $2 组。"],
  [/Not better, or not by enough, on (.+?)\.(?=\s|$)/g, "没有变好，或好得不够：$1。"],
  [/Not surely better on (.+?); more evidence may tell\./g, "还不能断定更好：$1；证据多些才能下结论。"],
  [/Better on (.+?), but there is nothing to judge (.+?) by\./g, "变好了：$1；但没有材料评判 $2。"],
  [/Better on (.+?), but not surely within the margin of ([\d.]+) on the known questions together \((.+?)\)\./g, "变好了：$1；但旧知识合计还不能断定没有超出容许的 $2（$3）。"],
  [/Better on (.+?); within the margin of ([\d.]+) on the known questions together \((.+?)\)\./g, "变好了：$1；旧知识合计在容许的 $2 之内（$3）。"],
  [/ and (?=新问题|标准题|学过的题)/g, "、"],
  [/There is nothing to judge by that round (\d+) did not have\./g, "与第 $1 轮相比没有新的证据。"],
  [/The candidate is the version in service: nothing was learned\./g, "候选就是现用版本：什么也没有学到。"],
  [/Version (\S+) is in service\./g, "版本 $1 已上线。"],
  [/Version (\S+) is out of service, (\S+) answers again\./g, "版本 $1 已下线，$2 重新应答。"],
  [/The canary (\S+) is refused, (\S+) answers everybody again\./g, "先行版本 $1 被退回，$2 重新应答所有人。"],
  [/The canary (\S+) serves everybody from now on\./g, "先行版本 $1 现在应答所有人。"],
  [/([\d.]+)% of conversations meet version (\S+) first; after (\d+) replies it is decided\./g, "先让 $1% 的会话遇到版本 $2，$3 条回复后再定。"],
  [/It was taken out of service in round (\d+): /g, "它在第 $1 轮被撤下："],
  [/The version before would have been ([-\d.]+) better on what (\d+) customers asked/g, "对 $2 位客人的问题，上一版本本可高出 $1"],
  [/([\d.]+)% of (\d+) customers were dissatisfied, at most ([\d.]+)% were before/g, "$2 位客人中 $1% 不满意，此前至多 $3%"],
  [/\(evidence ([\d.]+) to 1, ([\d.]+) to 1 was asked\)\./g, "（证据 $1 比 1，要求 $2 比 1）。"],
  [/The candidate cannot serve: |It cannot answer: /g, "不能应答："],
  [/No fall in quality: audits of (\d+) customers, evidence ([\d.]+) of ([\d.]+) to 1; feedback of (\d+) customers, evidence ([\d.]+) of ([\d.]+) to 1\./g,
    "质量没有下降：抽查 $1 位客人，证据 $2（达到 $3 比 1 才算数）；反馈 $4 位客人，证据 $5（$6）。"],
  [/(\d+) lessons wait to be learned, and a round trains from (\d+) on: they are kept for the next\./g, "有 $1 条等着学，满 $2 条才训练：留到下一轮。"],
  [/The gate is off\./g, "评审已关闭。"],
];

/** A verdict or the end of a round; what is not listed stays as the service wrote it. */
export function outcomeIn(language, text) {
  return language === "zh" ? OUTCOMES.reduce((said, [pattern, words]) => said.replace(pattern, words), text) : text;
}

export function retiredIn(language, text) {
  return language === "zh" ? RETIRED.reduce((said, [pattern, words]) => said.replace(pattern, words), text) : text;
}

export function reasonIn(language, text) {
  const found = language === "zh" ? REASONS.find(([pattern]) => pattern.test(text)) : null;
  return retiredIn(language, found ? text.replace(found[0], found[1]) : text);
}

export function figureIn(language, name) {
  return (language === "zh" && FIGURES[name]) || name.replaceAll("_", " ");
}
