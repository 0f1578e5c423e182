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
