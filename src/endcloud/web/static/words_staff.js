// The words that console and dashboard share.

export default {
  zh: {
    console: "客服台", dashboard: "经营看板", ledger: "上传账本", pages: "页面",
    login: "登录", loginWhy: "请用店铺发给您的密钥登录。", key: "密钥",
    keyHint: "密钥由管理员用 endcloud keys make 生成，以 ec_ 开头。", wrongKey: "这把密钥打不开这里，请核对后再试。",
    logout: "退出", language: "切换语言", theme: "浅色或深色",
    theme_auto: "跟随系统", theme_light: "浅色", theme_dark: "深色",
    role_agent: "客服", role_reviewer: "复核员", role_admin: "管理员",
    again: "重试", unreached: "连不上服务，请检查网络后再试。", forbidden: "您的身份不能做这件事。",
    busy: "服务正忙，请稍后再试。", unforeseen: "出了意料之外的问题，请再试一次。", loading: "正在载入…",
    save: "保存", cancel: "取消", close: "关闭",
    end: "端侧模型", cloud: "云端模型", human: "人工",
  },
  en: {
    console: "Console", dashboard: "Dashboard", ledger: "Ledger", pages: "Pages",
    login: "Log in", loginWhy: "Log in with the key that your shop gave you.", key: "Key",
    keyHint: "An administrator makes keys with endcloud keys make; they begin with ec_.",
    wrongKey: "This key does not open this page. Check it and try again.",
    logout: "Log out", language: "Change the language", theme: "Light or dark",
    theme_auto: "Auto", theme_light: "Light", theme_dark: "Dark",
    role_agent: "Agent", role_reviewer: "Reviewer", role_admin: "Administrator",
    again: "Try again", unreached: "The service cannot be reached. Check your network and try again.",
    forbidden: "Your role may not do this.", busy: "The service is busy; try again in a moment.",
    unforeseen: "Something unforeseen went wrong; try once more.", loading: "Loading…",
    save: "Save", cancel: "Cancel", close: "Close",
    end: "End model", cloud: "Cloud model", human: "Person",
  },
};
