//! Variants of kanji in names: each row is the common form and the others that are written for it.
//!
//! Our own table of what occurs in names, from named facts: the old forms (康熙字典体) in brackets of 常用漢字表 (Cabinet
//! notice no. 2 of 2010) and the pairs of 人名用漢字 (戸籍法施行規則 別表第二), the shapes that JIS X 0208 and 0213 unify
//! (包摂規準), and family names' variants as the town offices' character sets (住基ネット統一文字, MJ縮退マップ) relate them.
//! 斉 and 斎 are two characters and one in daily use (斉藤, 斎藤), so they are one here. A folded agreement is weighed
//! as such, so a pair too many costs little and a pair missing costs a review.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The common form of a variant; the character itself where it is none.
pub(super) fn common(c: char) -> char {
    // Kana, digits and Latin letters have no rows.
    if c < '\u{2E80}' {
        return c;
    }
    TABLE.get(&c).copied().unwrap_or(c)
}

static TABLE: LazyLock<BTreeMap<char, char>> = LazyLock::new(|| {
    let rows = ROWS.iter().flat_map(|rows| rows.split_whitespace());
    rows.flat_map(|row| {
        let mut chars = row.chars();
        let common = chars.next();
        chars.filter_map(move |variant| common.map(|common| (variant, common)))
    })
    .collect()
});

/// Rows parted by spaces; the first character of a row is the common form.
const ROWS: [&str; 4] = [
    // Family names' variants.
    "高髙 崎﨑嵜㟢 浜濱濵 斉斎齋齊 辺邊邉 吉𠮷 島嶋嶌㠀 沢澤 広廣 桜櫻 滝瀧 竜龍 富冨 淵渕渊 児兒 \
     柳栁 橋槗 曽曾 館舘 峰峯 杉椙 船舩 角⻆ 野埜 梅楳 松枩 藤籐 条條 蔵藏 柿柹 秋穐 鉄鐵銕 嶺岺 \
     隣鄰 草艸 鴎鷗 桧檜 槙槇 遥遙 尭堯 晋晉 頼賴 瀬瀨 真眞 慎愼 関關 国國圀 円圓 宝寳寶 学學斈 \
     実實 寿壽 応應 恵惠 徳德 総總 静靜 鶏鷄雞 麦麥 黒黑 黄黃 亀龜 弥彌 与與 予豫 余餘 栄榮 営營 \
     桑桒 鎌鐮 雁鴈 来來 園薗",
    // Old forms of 常用漢字表 and pairs of 人名用漢字, those that occur in names and addresses.
    "亜亞 悪惡 圧壓 囲圍 医醫 為爲 壱壹 隠隱 衛衞 駅驛 塩鹽 縁緣 艶艷 奥奧 横橫 温溫 穏穩 価價 \
     画畫 会會 絵繪 壊壞 懐懷 概槪 拡擴 殻殼 覚覺 楽樂 渇渴 缶罐 巻卷 陥陷 勧勸 寛寬 歓歡 観觀 \
     気氣 帰歸 偽僞 戯戲 犠犧 旧舊 拠據 挙擧 虚虛 峡峽 挟挾 狭狹 郷鄕 暁曉 区區 駆驅 勲勳 薫薰 \
     径徑 茎莖 掲揭 渓溪 経經 蛍螢 軽輕 継繼 芸藝 撃擊 欠缺 研硏 県縣 倹儉 剣劍 険險 圏圈 検檢 \
     献獻 権權 顕顯 験驗 厳嚴 効效 恒恆 鉱鑛 号號 済濟 砕碎 歳歲 剤劑 雑雜 参參 桟棧",
    "蚕蠶 惨慘 賛贊 残殘 糸絲 歯齒 辞辭 湿濕 釈釋 収收 従從 渋澁 獣獸 縦縱 粛肅 処處 緒緖 叙敍 \
     将將 称稱 渉涉 焼燒 証證 奨奬 乗乘 浄淨 剰剩 畳疊 縄繩 壌壤 嬢孃 譲讓 醸釀 触觸 嘱囑 寝寢 \
     尽盡 図圖 粋粹 酔醉 穂穗 随隨 髄髓 枢樞 数數 声聲 摂攝 専專 浅淺 戦戰 践踐 銭錢 潜潛 繊纖 \
     禅禪 双雙 壮壯 争爭 荘莊 捜搜 挿插 巣巢 装裝 騒騷 増增 即卽 属屬 続續 堕墮 対對 体體 帯帶 \
     滞滯 台臺 択擇 担擔 単單 胆膽 団團 断斷 弾彈 遅遲 痴癡 虫蟲 昼晝 鋳鑄 庁廳 徴徵 聴聽 勅敕 \
     鎮鎭 逓遞 点點 転轉 伝傳 灯燈 当當 党黨 盗盜 稲稻 闘鬪 独獨 読讀 届屆 弐貳 悩惱 脳腦",
    "覇霸 拝拜 廃廢 売賣 発發 髪髮 抜拔 蛮蠻 秘祕 瓶甁 払拂 仏佛 併倂 並竝 餅餠 変變 歩步 豊豐 \
     褒襃 翻飜 毎每 万萬 満滿 麺麵 黙默 訳譯 薬藥 誉譽 揺搖 様樣 謡謠 乱亂 覧覽 両兩 猟獵 緑綠 \
     涙淚 塁壘 礼禮 励勵 戻戾 霊靈 齢齡 暦曆 歴歷 恋戀 錬鍊 炉爐 労勞 郎郞 楼樓 録錄 湾灣 凛凜 \
     巌巖 穣穰 萌萠 瑶瑤 禄祿 彦彥 祢禰 亘亙 鋭銳 悦悅 閲閱 説說 脱脫 税稅 産產 戸戶 青靑 清淸 \
     内內 吕呂 強强 尚尙 昂昻 冴冱 凉涼 煕熙凞 鯵鰺 頸頚 蝋蠟 篭籠 薮藪 竃竈 砺礪 侭儘 諌諫 枡桝 \
     柏栢 杯盃 略畧 群羣 隷隸 煙烟 婿壻 回囘 兎兔 雁鳫 舗舖 鳳鳯 栖棲 稚穉 芦蘆 莱萊 鑑鑒",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_has_one_common_form_and_a_common_form_none() {
        assert!(TABLE.len() > 250, "{}", TABLE.len());
        for (variant, form) in TABLE.iter() {
            assert!(!TABLE.contains_key(form), "{variant} → {form} → …");
        }
        let rows = || ROWS.iter().flat_map(|rows| rows.split_whitespace());
        for row in rows() {
            let form = row.chars().next().map(common);
            for variant in row.chars().skip(1) {
                assert_eq!(Some(common(variant)), form, "{row}");
            }
        }
    }

    #[test]
    fn names_of_the_survey_agree() {
        for (a, b) in [
            ('髙', '高'),
            ('﨑', '崎'),
            ('濵', '浜'),
            ('齋', '斎'),
            ('邊', '辺'),
            ('𠮷', '吉'),
            ('嶌', '嶋'),
        ] {
            assert_eq!(common(a), common(b), "{a} {b}");
        }
        for (a, b) in [('大', '太'), ('田', '由'), ('山', '川')] {
            assert_ne!(common(a), common(b), "{a} {b}");
        }
    }
}
