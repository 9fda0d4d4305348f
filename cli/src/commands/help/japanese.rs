//! The Japanese of every command and argument. A test finds what is missing.

/// What a command is for; `path` is its words without the program's name.
pub(super) fn command(path: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(p, _)| *p == path).map(|(_, ja)| *ja)
}

/// What an argument says: this command's own sentence, or the one for all commands.
pub(super) fn argument(path: &str, id: &str) -> Option<&'static str> {
    let own = OWN_ARGUMENTS
        .iter()
        .find(|(p, i, _)| *p == path && *i == id)
        .map(|(.., ja)| *ja);
    own.or_else(|| ARGUMENTS.iter().find(|(i, _)| *i == id).map(|(_, ja)| *ja))
}

const COMMANDS: &[(&str, &str)] = &[
    (
        "",
        "関所：地域医療情報ネットワークどうしの、同意にもとづく文書照会",
    ),
    (
        "serve",
        "設定ファイルに書かれた役割（レプリカ、ノード、ブローカー）をこの計算機で動かします",
    ),
    (
        "demo",
        "この計算機の上で五つのネットワークを動かし、協定の署名から監査までを演じます",
    ),
    (
        "config",
        "設定ファイルの見本を出し、設定ファイルを検査します",
    ),
    ("config example", "すべての設定を説明した見本を出力します"),
    (
        "config check",
        "設定ファイルを検査し、誤りをすべて知らせます",
    ),
    (
        "sample",
        "試用のため、架空の患者の現実的なストレージを作ります",
    ),
    (
        "sample ssmix2",
        "SS-MIX2 標準化ストレージを施設ごとに作り、正解を truth.json に書きます",
    ),
    (
        "network",
        "ネットワークの準備、施設の登録、同意ポリシーの公表、参加ネットワークの一覧",
    ),
    (
        "network init",
        "鍵と設定ファイル、創設者に渡す名刺ファイルを作ります",
    ),
    (
        "network found",
        "全創設者の名刺から台帳を創設します。台帳IDは電話で読み合わせます",
    ),
    (
        "network register",
        "このネットワークのノード鍵を、運営鍵で台帳に登録します",
    ),
    (
        "network facility",
        "このネットワークの施設を登録し、または参加を終了します",
    ),
    (
        "network facility add",
        "施設を登録します。登録された施設だけが照会し、照会されます",
    ),
    (
        "network facility leave",
        "施設の参加を、この時点で終了します",
    ),
    (
        "network policy",
        "このネットワークが同意をどう得るかを公表します",
    ),
    (
        "network policy example",
        "すべての項目を説明した同意ポリシーの見本を出力します",
    ),
    ("network policy publish", "同意ポリシーの次の版を公表します"),
    (
        "network notice",
        "患者が読むもの（利用目的、施設の加入）を掲示し、取り下げ、一覧します",
    ),
    (
        "network notice post",
        "利用目的（施設ごと、または全施設で）か、施設が加わったことを掲示します",
    ),
    ("network notice remove", "掲示を、この時点で取り下げます"),
    (
        "network notice list",
        "このネットワークの掲示を、期間外や取り下げたものも含めて一覧します",
    ),
    (
        "network key",
        "このネットワークの鍵（監査担当者の鍵を含む）を登録し、取り替え、失効させます",
    ),
    (
        "network key add",
        "鍵を登録します。鍵ファイルがなければ鍵フォルダーに作ります",
    ),
    (
        "network key revoke",
        "鍵を失効させます。その台帳番号以降、その鍵の署名は効力を持ちません",
    ),
    (
        "network key rotate",
        "鍵を新しい鍵に取り替えます。登録し、ファイルを入れ替え、前のファイルは残します",
    ),
    (
        "network admit",
        "ネットワークの加入に賛成します。加盟ネットワークの過半数で有効になります",
    ),
    (
        "network authority",
        "災害対策当局の鍵を作り、当局を承認し、承認を終えます",
    ),
    (
        "network authority init",
        "当局の鍵と、加盟ネットワークに渡す名刺を作ります（当局自身が実行します）",
    ),
    (
        "network authority admit",
        "災害対策当局の承認に賛成します。加盟ネットワークの過半数で有効になります",
    ),
    (
        "network authority end",
        "災害対策当局の承認を終えることに賛成します。加盟ネットワークの過半数で有効になります",
    ),
    (
        "disaster",
        "災害対策当局の鍵で、災害や訓練を宣言し、延長し、終えます",
    ),
    (
        "disaster declare",
        "災害または訓練を、いまから7日以内の期限で宣言します。期限で自動的に終わります",
    ),
    (
        "disaster extend",
        "宣言が終わる前に、いまから7日以内の期限まで延長します",
    ),
    ("disaster end", "宣言を直ちに終えます"),
    ("disaster list", "宣言を、有効なものから一覧します"),
    (
        "network show",
        "参加する全ネットワークの鍵、施設、同意ポリシーを、記録を一件ずつ検証して表示します",
    ),
    (
        "profile",
        "調査が各ネットワークについて述べていることと、署名までに足りないものを示します",
    ),
    (
        "profile import",
        "調査データのファイルから全ネットワークのプロファイルを作り、各行の出典を示します",
    ),
    (
        "profile list",
        "調査にあるネットワークと、それぞれに足りないものを一覧します",
    ),
    (
        "profile show",
        "一つのネットワークのプロファイルを出典とともに行ごとに示します",
    ),
    (
        "profile export",
        "プロファイルを、訂正・補足できるファイルの形で出力します",
    ),
    (
        "agreement",
        "ネットワーク間の協定を起案し、提案し、署名し、停止し、表示します",
    ),
    (
        "agreement draft",
        "各ネットワークのプロファイルから協定案を作り、理由と足りないものを示します",
    ),
    (
        "agreement diff",
        "新しい版で誰が見られるようになり、誰が見られなくなるかを示します",
    ),
    (
        "agreement preview",
        "協定が発効した場合の変化を台帳の患者について数えます。何も書き込みません",
    ),
    (
        "agreement example",
        "すべての項目を説明した協定の見本を出力します",
    ),
    (
        "agreement propose",
        "協定の次の版を提案します。このネットワークの署名を兼ねます",
    ),
    (
        "agreement sign",
        "提案された協定が何を許すかを言葉で確かめてから署名します",
    ),
    (
        "agreement suspend",
        "協定を直ちに停止します。全当事者が新しい版に署名するまで続きます",
    ),
    ("agreement terminate", "協定を終了します。取り消せません"),
    ("agreement list", "すべての協定とその状態を一覧します"),
    (
        "agreement show",
        "協定が何を許すか、誰が署名したかを言葉で表示します",
    ),
    ("consent", "患者の同意、撤回、留保（拒否）を記録します"),
    ("consent grant", "施設が得た同意を記録します"),
    ("consent withdraw", "患者が同意を撤回したことを記録します"),
    (
        "consent reserve",
        "患者が拒否する閲覧を記録します。同意より常に優先します",
    ),
    (
        "consent clear",
        "患者が留保（拒否）を解除したことを記録します",
    ),
    (
        "consent unseal",
        "患者が、封をした留保を解除したことを記録します",
    ),
    (
        "consent proxy",
        "患者に代わって同意できる人を記録し、または終了を記録します",
    ),
    (
        "consent proxy register",
        "誰が、どの立場で、いつまで患者を代理するかを記録します",
    ),
    (
        "consent proxy end",
        "代理が終わったことを記録します。その人による同意も終わります",
    ),
    (
        "consent proxy list",
        "患者の代理人を、台帳の記録を一件ずつ検証して一覧します",
    ),
    (
        "consent list",
        "患者の同意と留保を、台帳の記録を一件ずつ検証して一覧します",
    ),
    (
        "patient",
        "患者の診療録をまとめ、他のネットワークの患者を探し、転居した患者を引き継ぎます",
    ),
    (
        "patient show",
        "どの診療録が同じ患者のものか、その理由と人の判断を表示します",
    ),
    (
        "patient reviews",
        "同じ患者かもしれない診療録の組で、人の判断を待つものを一覧します",
    ),
    (
        "patient same",
        "2つの診療録を同じ患者のものと判断します。誰がなぜ判断したかを残し、取り消せます",
    ),
    (
        "patient apart",
        "2つの診療録を別の患者のものと判断します。文書も再び分かれます",
    ),
    ("patient undo", "診療録についての判断を番号で取り消します"),
    (
        "patient find",
        "他のネットワークの患者を、分かっている事項またはカードで探します",
    ),
    (
        "patient card",
        "患者のカード（QRコードの文字列）を作ります。他のネットワークで示すと本人だけが見つかります",
    ),
    (
        "patient proposals",
        "他のネットワークが見つけ、こちらが未確認の対応づけを一覧します。確認は subject link で行います",
    ),
    (
        "patient learn",
        "どの項目がどれだけ本人の証拠になるかを、このネットワークの診療録から学習します。指示がない限り何も変えません",
    ),
    (
        "patient move",
        "転入した患者について、元のネットワークの何を閲覧できるか、足りないものすべてを示します",
    ),
    ("portal", "このネットワークのページにサインインする人"),
    (
        "portal account",
        "ここで管理するアカウントを追加し、一覧し、使えなくし、再設定します",
    ),
    (
        "portal account add",
        "アカウントを追加します。確認コードは本人が最初のサインインで準備します",
    ),
    ("portal account list", "アカウントを名前の順に一覧します"),
    (
        "portal account disable",
        "アカウントを使えなくします。enable で戻せます",
    ),
    (
        "portal account enable",
        "disable を取り消します。パスワード、確認コード、パスキーはもとのままです",
    ),
    (
        "portal account reset",
        "パスワードや端末をなくした人に新しいパスワードを渡します。確認コードは準備しなおし、パスキーは消えます",
    ),
    (
        "subject",
        "患者の仮名を調べ、他のネットワークの患者と対応づけ、死亡を記録し、消去します",
    ),
    (
        "subject show",
        "台帳での患者の仮名を「ネットワーク:仮名」の形で表示します",
    ),
    (
        "subject link",
        "他のネットワークの患者と同一人物であると記録します。双方が記録すると有効です",
    ),
    (
        "subject unlink",
        "その記録を取り消します。対応づけは無効になります",
    ),
    (
        "subject died",
        "患者の死亡を記録します。以後、同意は効力を失います",
    ),
    (
        "subject retract-death",
        "死亡の記録を取り消します（別の人のものだった場合）",
    ),
    (
        "subject erase",
        "仮名を人に結びつけるものを、このネットワークからすべて消去します。台帳の証拠は成り立ち続けます。取り消せません",
    ),
    (
        "query",
        "患者の文書がどこにあるかを、他のネットワークに照会します",
    ),
    (
        "page",
        "query の結果のページを、どこにも照会し直さずに表示します",
    ),
    (
        "retrieve",
        "他のネットワークの文書を一つ取得し、読める形で表示します",
    ),
    (
        "ingest",
        "動いているノードに、ストレージをいま読み直させます",
    ),
    (
        "node",
        "ノードの文書索引を作り直し、または索引と文書を別の場所へ移します",
    ),
    (
        "node reindex",
        "動いているノードにすべてのファイルを新しい索引へ読み直させ、終わったら入れ替えます",
    ),
    (
        "node migrate",
        "止めたノードの索引と文書を、別の設定ファイルの場所へ移します。照合できたときだけ切り替えます",
    ),
    ("audit", "一つの閲覧の証拠を書き出し、検証し、説明します"),
    (
        "audit bundle",
        "一つの閲覧の証拠を、このネットワークが示せる内容とともにファイルに書きます",
    ),
    (
        "audit verify",
        "証拠ファイルを、創設ファイルだけを信頼の起点としてオフラインで検証します",
    ),
    (
        "audit show",
        "誰がどこに何を照会し、何が決まり、何が渡されたかを説明します",
    ),
    (
        "audit explain",
        "どの記録でも、何を行い、誰が署名し、何をよりどころとし、その後どうなったかを説明します。照会なら検査を一つずつ",
    ),
    (
        "audit who-could-see",
        "ある時点で、ある患者のある種類の文書を閲覧できた者をすべて、その根拠とともに示します",
    ),
    (
        "audit open-seal",
        "このネットワークの封をした留保を監査担当者のために開き、内容、照合値の中身、台帳にあった証明をファイルに書きます",
    ),
    (
        "audit reviews",
        "このネットワークの緊急時の閲覧のうち、審査や患者への通知が済んでいないものを一覧します。期限超過があれば終了コード1",
    ),
    (
        "audit unmatched",
        "提供の記録だけがあり受領の記録がない文書、またはその逆を一覧します。一件でもあれば終了コード1",
    ),
    (
        "audit alerts",
        "通常の業務と異なる様子の閲覧（短時間に多数の患者、拒否された照会の繰り返し、深夜の集中）の指摘を一覧します",
    ),
    (
        "audit review",
        "緊急時の閲覧について、第二の人による審査を、監査担当者の鍵で記録します",
    ),
    ("audit told", "緊急時の閲覧を患者に知らせたことを記録します"),
    (
        "audit widened",
        "変更によって同意の及ぶ範囲が広がった患者（知らせるべき、このネットワークの患者）を示します",
    ),
    ("ledger", "同意台帳の状態と記録を見ます"),
    (
        "ledger status",
        "このネットワークのレプリカの役割、リーダー、進み具合、他のレプリカを表示します",
    ),
    (
        "ledger checkpoint",
        "過半数のレプリカが連署した検証点を検証して出力します",
    ),
    (
        "ledger log",
        "台帳の記録を一行ずつ出力します。個人を特定する内容は台帳にありません",
    ),
    (
        "ledger receipt",
        "記録一件の記録証（その記録が台帳にあることを証明するファイル）を書き出します",
    ),
    (
        "ledger verify-receipt",
        "記録証をオフラインで検証し、どこまで証明するか（記録済み・封印済み・立会い済み）を示します",
    ),
    (
        "ledger fsck",
        "停止したレプリカのファイルを一バイトずつ検査します。ルート、タイル、束、署名、状態の行のすべてが対象です",
    ),
    (
        "ledger join",
        "このマシンをレプリカに加え、台帳のすべての記録を取り寄せて検証します。中断しても、もう一度実行すれば続きから始まります",
    ),
    (
        "ledger allocate",
        "新しいマシンの申請に運営鍵で署名します（運営鍵は新しいマシンになくてかまいません）",
    ),
    (
        "ledger promote",
        "レプリカへの投票権の付与に賛成します。ネットワークの一票目は自らの言葉で、二票目からは加盟ネットワークの過半数で有効になります",
    ),
    (
        "ledger leave",
        "レプリカを引退させます。自ネットワークのものは直ちに、他のものは加盟ネットワークの過半数で有効になります",
    ),
    (
        "ledger backup",
        "過半数が連署したすべての記録を控え、書いたファイルを読み戻して検証します",
    ),
    (
        "ledger restore",
        "控えから新しいレプリカに戻します。その後の記録は `ledger join` で取り寄せます",
    ),
    (
        "ledger recover",
        "過半数のレプリカが永久に失われたとき、残ったものから新しい系統で台帳を続けます",
    ),
    (
        "ledger recover look",
        "停止したレプリカや控えに、過半数が連署した記録がどこまで残っているかを示します",
    ),
    (
        "ledger recover keep",
        "停止したレプリカから、過半数が連署した記録を書き出します（新しいレプリカはここから始まります）",
    ),
    (
        "ledger recover seat",
        "新しい系統のレプリカになるこのマシンの鍵と、席の申請を作ります",
    ),
    (
        "ledger recover propose",
        "どの記録から、どのレプリカで続けるかの声明を起草し、運営鍵で署名します",
    ),
    (
        "ledger recover sign",
        "手元にこれより長い記録がないことを確かめ、声明に運営鍵で署名します",
    ),
    (
        "ledger recover start",
        "三分の二以上のネットワークが署名した声明と記録を検証し、このマシンで新しい系統を始めます",
    ),
    (
        "ledger export",
        "連署された検証点までの台帳の束とタイルを、C2SP tlog-tiles の配置で書き出します",
    ),
    (
        "ledger import",
        "書き出した台帳を検証点と照合し、まだ一度も動いていないレプリカに取り込みます",
    ),
];

const ARGUMENTS: &[(&str, &str)] = &[
    (
        "config",
        "設定ファイル。省略時は $SEKISHO_CONFIG、それもなければ ./sekisho.toml",
    ),
    (
        "json",
        "標準出力には JSON オブジェクトを一つだけ出し、メッセージは標準エラー出力に出します",
    ),
    (
        "lang",
        "メッセージの言語：ja か en。省略時は LC_ALL、LC_MESSAGES、LANG による",
    ),
    ("timeout", "応答を待つ秒数、1〜60（既定は10）"),
    ("help", "この説明を表示します"),
    ("version", "版を表示します"),
    (
        "patient",
        "患者：このネットワークの「施設コード/患者ID」、または仮名",
    ),
    (
        "facility",
        "患者が受診している、このネットワークの施設コード",
    ),
    (
        "practitioner",
        "照会する人の、このネットワークでのID。台帳には、元に戻せない照合用の値だけが載ります",
    ),
    ("role", "照会する人の職種"),
    (
        "purpose",
        "利用目的。--break-glass や --disaster を指定したときは不要です",
    ),
    (
        "break_glass",
        "緊急のため同意によらず閲覧する理由。72時間以内に別の人が審査し、患者に知らせます",
    ),
    (
        "disaster",
        "災害の宣言の台帳番号。その宣言のもとで照会します",
    ),
    ("asked", "災害時に、患者にどのように確認したか"),
    (
        "law",
        "根拠となる法令。利用目的は PUBHLTH、HLEGAL、THREAT のいずれか",
    ),
    (
        "category",
        "この種類の情報だけ（繰り返し可）。省略時はすべて",
    ),
    (
        "note",
        "同意書などの保管場所。ノードに残り、台帳には元に戻せない照合用の値だけが載ります",
    ),
    ("recorded_by", "受け付けた施設のコード"),
    ("id", "協定のID"),
    ("file", "読み込むファイル。書き方は example で見られます"),
    ("out", "書き込むファイル"),
    ("code", "施設の10桁コード"),
    ("index", "照会の台帳番号"),
    (
        "network",
        "このネットワークだけに照会します（繰り返し可）。省略時は参加する全ネットワーク",
    ),
    (
        "with",
        "相手のネットワークの仮名。相手の subject show が表示するもの",
    ),
    (
        "genesis",
        "台帳の創設ファイル。信頼できる人から受け取ったもの",
    ),
    (
        "seed",
        "架空の患者のもとになる数。同じ数なら同じ内容になります",
    ),
];

const OWN_ARGUMENTS: &[(&str, &str, &str)] = &[
    (
        "profile import",
        "file",
        "調査データ（ネットワークのJSON配列）のファイル",
    ),
    (
        "profile import",
        "summary",
        "ネットワークごとに一行とまとめだけを示します",
    ),
    (
        "profile import",
        "into",
        "プロファイルを一つずつファイルとして書き出すフォルダ",
    ),
    (
        "profile show",
        "network",
        "ネットワークのIDか名前、プロファイルのファイル、または ID=方式（同意の方式を選ぶ）",
    ),
    (
        "profile export",
        "network",
        "ネットワークのIDか名前、プロファイルのファイル、または ID=方式（同意の方式を選ぶ）",
    ),
    (
        "agreement draft",
        "a",
        "一つ目のネットワーク：IDか名前、プロファイルのファイル、または ID=方式（同意の方式を選ぶ）",
    ),
    ("agreement draft", "b", "二つ目のネットワーク"),
    (
        "agreement draft",
        "with",
        "三つ目以降のネットワーク（多者間の協定）",
    ),
    (
        "agreement draft",
        "one_way",
        "A の文書を B が閲覧する方向だけにします",
    ),
    (
        "agreement draft",
        "id",
        "協定のID。省略時はネットワークのIDから作ります",
    ),
    ("agreement draft", "version", "版"),
    (
        "agreement draft",
        "valid_from",
        "最初の日。省略時は次の4月1日から三年間",
    ),
    (
        "agreement draft",
        "valid_until",
        "最後の日。省略時は終了させるまで",
    ),
    (
        "agreement draft",
        "retention",
        "閲覧側の保存：not-kept（保存しない）、as-own-record（診療録の一部）、または日数",
    ),
    ("agreement draft", "settlement", "費用の負担"),
    (
        "agreement draft",
        "emergency",
        "緊急時に、医師と救急救命士が最小限の情報を同意によらず閲覧できる許可も加えます（理由を示し、事後に別の人が確認）",
    ),
    (
        "agreement draft",
        "emergency_categories",
        "緊急時に閲覧できる情報の上限（コンマ区切り）。省略時は提案する最小限。相手が共有しているものに限ります",
    ),
    (
        "agreement draft",
        "disaster",
        "災害対策当局の宣言のもとで最小限の情報を閲覧できる許可も加えます",
    ),
    (
        "agreement draft",
        "rule",
        "同意の要件：recipient は厚生労働省の2020年の考え方（開示側の掲示、受診時の同意、留保のないこと）。省略時は双方のきまりを満たすもの",
    ),
    (
        "agreement draft",
        "markdown",
        "協定書をMarkdownで書き出すファイル",
    ),
    (
        "agreement draft",
        "object",
        "署名の対象となる協定データを書き出すファイル（`agreement propose --file` で使えます）",
    ),
    ("agreement diff", "old", "前の版のファイル"),
    ("agreement diff", "new", "後の版のファイル"),
    ("agreement preview", "file", "協定のファイル"),
    (
        "demo",
        "once",
        "最後の場面で終了します。すべて想定どおりなら終了コード0",
    ),
    (
        "demo",
        "dir",
        "すべてを書く、新しいか空のフォルダー（残ります）。省略時は一時フォルダーで、終了時に消します",
    ),
    (
        "demo",
        "base_port",
        "連続する十のポートの最初。省略時は空いているもの",
    ),
    (
        "sample ssmix2",
        "out",
        "書き込むフォルダー。施設ごとにフォルダーができます",
    ),
    (
        "sample ssmix2",
        "facility",
        "施設コードと、コロンに続けてシステムの（架空の）メーカー：asagi, botan, chidori, donguri, enju, fuyo",
    ),
    ("sample ssmix2", "patients", "施設ごとの患者数"),
    (
        "sample ssmix2",
        "travellers",
        "指定したすべての施設にかかる人の数",
    ),
    (
        "sample ssmix2",
        "overwrite",
        "以前このコマンドで作ったストレージを置き換えます",
    ),
    (
        "network init",
        "id",
        "ネットワークのID：a〜z、0〜9、ハイフンで1〜40文字",
    ),
    ("network init", "name", "組織の名称"),
    ("network init", "listen", "この計算機が待ち受けるアドレス"),
    (
        "network init",
        "dir",
        "鍵、設定ファイル、名刺を置くフォルダー",
    ),
    (
        "network init",
        "endpoint",
        "他のネットワークからの接続先。待ち受けアドレスと異なる場合",
    ),
    (
        "network init",
        "replica",
        "レプリカの番号。創設者ごとに別の番号にします",
    ),
    (
        "network init",
        "expected_rtt_ms",
        "最も離れたレプリカ間の往復時間（ミリ秒）。全創設者で同じにします",
    ),
    (
        "network found",
        "card",
        "創設者の名刺ファイル（人数分繰り返します）",
    ),
    (
        "network notice post",
        "purpose",
        "掲示する利用目的（繰り返し可）",
    ),
    (
        "network notice post",
        "facility",
        "この施設での掲示。省略時は全施設",
    ),
    (
        "network notice post",
        "joining",
        "この施設が加わったこと。ポリシーの定める日数を過ぎると、以前の同意が及びます",
    ),
    (
        "network notice post",
        "text",
        "掲示の本文。そのSHA-256が台帳に載ります",
    ),
    ("network notice post", "text_sha256", "掲示の本文のSHA-256"),
    (
        "network notice post",
        "until",
        "最後の日。省略時は取り下げまで",
    ),
    ("network notice remove", "index", "掲示の台帳番号"),
    ("network key add", "purpose", "鍵の用途"),
    (
        "network key add",
        "file",
        "鍵ファイル。省略時は鍵フォルダーの、用途の名のファイル",
    ),
    (
        "network key add",
        "endpoint",
        "通信鍵の場合、ノードの接続先",
    ),
    (
        "network key revoke",
        "key",
        "鍵ID。network show が表示するもの",
    ),
    ("network key rotate", "purpose", "取り替える鍵の用途"),
    (
        "network admit",
        "card",
        "加わるネットワークの network init が作った名刺ファイル",
    ),
    (
        "network authority init",
        "id",
        "当局のID：a〜z、0〜9、ハイフンで1〜40文字",
    ),
    ("network authority init", "name", "当局の名称"),
    (
        "network authority init",
        "prefecture",
        "宣言できる都道府県のコード2桁（繰り返し可）",
    ),
    ("network authority init", "dir", "鍵と名刺を置くフォルダー"),
    ("network authority admit", "card", "当局の名刺ファイル"),
    ("network authority end", "id", "当局のID"),
    ("disaster declare", "key", "当局の鍵ファイル"),
    ("disaster declare", "kind", "災害の種類"),
    (
        "disaster declare",
        "area",
        "区域：都道府県（2桁）か市区町村（5桁）のコード（繰り返し可）",
    ),
    ("disaster declare", "until", "最後の日。いまから7日以内"),
    (
        "disaster declare",
        "drill",
        "訓練。どこでもそう表示され、患者が災害を名指しして同意したものだけが開きます",
    ),
    ("disaster extend", "index", "宣言の台帳番号"),
    ("disaster extend", "until", "新しい最後の日"),
    ("disaster extend", "key", "当局の鍵ファイル"),
    ("disaster end", "index", "宣言の台帳番号"),
    ("disaster end", "key", "当局の鍵ファイル"),
    ("network facility add", "kind", "施設の種類"),
    ("network facility add", "name", "施設の名称"),
    (
        "network facility add",
        "municipality",
        "所在する市区町村のコード5桁（JIS X 0402）。災害の宣言が及ぶかどうかの判断に使います",
    ),
    (
        "agreement sign",
        "version",
        "版。省略時は最後に提案された版",
    ),
    (
        "agreement sign",
        "file",
        "監査担当の画面が出す署名用のファイル。台帳なしで署名し、署名したものを出力します",
    ),
    ("agreement sign", "key", "ファイルに署名する運営鍵"),
    (
        "agreement sign",
        "yes",
        "確認せずに署名します。答える人がいない場所では必要です",
    ),
    (
        "agreement show",
        "version",
        "版。省略時は最後に提案された版",
    ),
    (
        "consent grant",
        "side",
        "文書を開示することへの同意か、施設が他の文書を閲覧することへの同意か",
    ),
    ("consent grant", "all", "このネットワークの全施設に及びます"),
    (
        "consent grant",
        "facility",
        "このネットワークのこの施設に及びます（繰り返し可）",
    ),
    (
        "consent grant",
        "to_facility",
        "相手側のこの施設に限ります（繰り返し可）。省略時は限りません",
    ),
    (
        "consent grant",
        "practitioner",
        "この人による閲覧に限ります：このネットワークでのID、または仮名（繰り返し可）",
    ),
    (
        "consent grant",
        "proxy",
        "患者に代わって同意した人の台帳番号（consent proxy register）。省略時は本人",
    ),
    (
        "consent reserve",
        "practitioner",
        "この人には閲覧させません：このネットワークでのID、または仮名",
    ),
    (
        "consent reserve",
        "purpose",
        "この利用目的での閲覧だけ（繰り返し可）。省略時は緊急時も含めすべて。BTG なら緊急時に見せないもの",
    ),
    (
        "consent reserve",
        "sealed",
        "封をします。このネットワークのノードだけが内容を持ち、自らの文書について守ります。他のネットワークには知られません",
    ),
    (
        "consent reserve",
        "proxy",
        "患者に代わって留保した人の台帳番号（consent proxy register）。省略時は本人",
    ),
    ("consent unseal", "index", "封の台帳番号"),
    ("consent proxy register", "kind", "代理の立場"),
    (
        "consent proxy register",
        "until",
        "最後の日。期限なしは後見人だけ。親権者は、成年に達する日以前の3月31日",
    ),
    (
        "consent proxy register",
        "note",
        "誰か、何を確認したか。ノードに残り、台帳には元に戻せない照合用の値だけが載ります",
    ),
    ("consent proxy end", "index", "代理人の台帳番号"),
    ("consent proxy end", "reason", "終わった理由"),
    (
        "subject erase",
        "withdraw_way",
        "まだ有効な同意を、この方法で先に撤回します",
    ),
    (
        "subject erase",
        "withdraw_by",
        "撤回を受け付けた施設のコード",
    ),
    ("subject erase", "yes", "取り消せない消去を行います"),
    ("audit reviews", "overdue", "審査の期限を過ぎたものだけ"),
    ("audit reviews", "all", "審査も通知も済んだものも含めます"),
    (
        "audit unmatched",
        "all",
        "このネットワークのものだけでなく、すべてのネットワークのもの",
    ),
    (
        "audit alerts",
        "all",
        "このネットワークの職員と、このネットワークへの照会に限らず、すべてのもの",
    ),
    ("audit alerts", "days", "現在までの日数"),
    ("audit open-seal", "index", "封の台帳番号"),
    ("audit review", "verdict", "審査の結果"),
    (
        "audit review",
        "reviewer",
        "審査する人の、このネットワークでのID。閲覧した本人ではいけません",
    ),
    (
        "audit review",
        "note",
        "理由。ノードに残り、台帳には元に戻せない照合用の値だけが載ります",
    ),
    (
        "audit review",
        "key",
        "監査担当者の鍵ファイル。省略時は鍵フォルダーの officer.key",
    ),
    ("audit told", "way", "知らせた方法"),
    ("consent grant", "capture", "同意の取得方法"),
    (
        "consent grant",
        "purpose",
        "この利用目的だけ（繰り返し可）。省略時はすべて",
    ),
    ("consent grant", "until", "最後の日。省略時は撤回まで"),
    ("consent withdraw", "index", "同意の台帳番号"),
    ("consent withdraw", "way", "撤回の方法"),
    ("consent reserve", "anyone", "誰にも閲覧させません"),
    (
        "consent reserve",
        "viewer_network",
        "このネットワークには閲覧させません",
    ),
    (
        "consent reserve",
        "viewer_facility",
        "この施設には閲覧させません",
    ),
    (
        "consent reserve",
        "disclosing_facility",
        "この施設の文書だけ（繰り返し可）。省略時は全施設の文書",
    ),
    ("consent reserve", "until", "最後の日。省略時は解除まで"),
    ("consent clear", "index", "留保の台帳番号"),
    ("subject show", "create", "仮名がなければ作ります"),
    (
        "subject link",
        "confirmed_by",
        "双方を見て本人と確かめた人。災害時の候補からの対応づけでは2人",
    ),
    ("patient reviews", "max", "組の数（1～1000）"),
    (
        "patient reviews",
        "after",
        "続きの位置。前のページが表示したもの。なければ最初のページ",
    ),
    (
        "patient same",
        "a",
        "一方の診療録（施設コード/患者ID）。両方に仮名があるときは、こちらの仮名が残ります",
    ),
    ("patient same", "b", "もう一方の診療録"),
    ("patient same", "by", "判断する人の、このネットワークでのID"),
    ("patient same", "why", "理由（短く）"),
    (
        "patient apart",
        "a",
        "一方の診療録（施設コード/患者ID）。仮名はこちらに残ります",
    ),
    ("patient apart", "b", "もう一方の診療録"),
    (
        "patient apart",
        "by",
        "判断する人の、このネットワークでのID",
    ),
    ("patient apart", "why", "理由（短く）"),
    (
        "patient undo",
        "id",
        "判断の番号。patient show が表示するもの",
    ),
    ("patient undo", "by", "取り消す人の、このネットワークでのID"),
    ("patient undo", "why", "理由（短く）"),
    (
        "patient find",
        "network",
        "このネットワークだけに照会します（繰り返し可）。省略時は他の全参加ネットワーク",
    ),
    (
        "patient find",
        "person",
        "患者について分かっている事項の JSON ファイル（docs/identity.md）。- は標準入力。省略時はここの診療録から",
    ),
    (
        "patient find",
        "card",
        "患者のカードの文字列のファイル。- は標準入力",
    ),
    (
        "patient learn",
        "apply",
        "学習した重みを使い始めます。診療録を比べ直しますが、人の判断はそのままです",
    ),
    (
        "patient learn",
        "undo",
        "いまの重みを取り消し、その前の重みに戻します",
    ),
    (
        "patient learn",
        "by",
        "判断する人の、このネットワークでのID",
    ),
    ("patient learn", "why", "理由（短く）"),
    ("patient move", "from", "文書を閲覧したい、元のネットワーク"),
    (
        "patient move",
        "facility",
        "患者がいま受診している、このネットワークの施設",
    ),
    ("patient move", "role", "閲覧する人の職種"),
    ("patient move", "purpose", "利用目的"),
    (
        "patient move",
        "prepare",
        "足りないもののうち、このネットワークだけでできることを行います。繰り返しても、まだ足りないものだけを行います",
    ),
    (
        "patient move",
        "by",
        "準備する人の、このネットワークでのID。対応づけとともに保存します",
    ),
    (
        "patient move",
        "why",
        "理由（短く）。同意の根拠としてこのネットワークに保存します",
    ),
    (
        "patient move",
        "practitioner",
        "まだ見つかっていないとき、先方の患者を照会する人。省略時は照会しません",
    ),
    (
        "patient move",
        "capture",
        "患者がこの施設での閲覧にいま同意した方法。省略時は同意を記録しません",
    ),
    ("query", "from", "この日以降の診療だけ"),
    ("query", "until", "この日までの診療だけ"),
    ("page", "result", "結果のID。query が表示するもの"),
    (
        "page",
        "practitioner",
        "照会した人の、このネットワークでのID。ほかの人は読めません",
    ),
    ("page", "max", "1ページの文書数（1～1000）"),
    (
        "page",
        "after",
        "続きの位置。前のページが表示したもの。なければ最初のページ",
    ),
    ("retrieve", "network", "文書のあるネットワーク"),
    ("retrieve", "document", "文書ID。query が表示するもの"),
    ("retrieve", "out", "標準出力ではなくこのファイルに書きます"),
    (
        "retrieve",
        "raw",
        "読める形ではなく、病院にあるままのバイト列",
    ),
    (
        "ingest",
        "rebuild",
        "すべてのファイルを新しい索引に読み直し、終わったら古い索引と入れ替えます。その間もノードは回答します",
    ),
    (
        "node migrate",
        "to",
        "移行先の設定ファイル。[node.index] と [node.contents] のほかは同じもの",
    ),
    (
        "portal account add",
        "name",
        "サインインに使う名前。空白のない半角の文字。認証サービスの人は oidc:SUBJECT",
    ),
    ("portal account add", "shown", "ほかの人に見せる名前"),
    ("portal account add", "kind", "何をする人か"),
    (
        "portal account add",
        "practitioner",
        "医療従事者か監査担当の、このネットワークでの識別子",
    ),
    ("portal account add", "profession", "医療従事者の職種"),
    (
        "portal account add",
        "facility",
        "医療従事者が勤める施設のコード。施設ごとに繰り返します",
    ),
    (
        "portal account add",
        "chart",
        "患者のカルテ。施設コード/患者番号",
    ),
    (
        "portal account add",
        "represents",
        "患者が代理する人のカルテ。人ごとに繰り返します",
    ),
    (
        "portal account add",
        "one_time",
        "一度だけ使えるパスワードを作って表示します。最初のサインインで変えてもらいます",
    ),
    (
        "portal account add",
        "password_stdin",
        "標準入力の1行目をパスワードにします",
    ),
    (
        "portal account reset",
        "one_time",
        "一度だけ使えるパスワードを作って表示します。最初のサインインで変えてもらいます",
    ),
    (
        "portal account reset",
        "password_stdin",
        "標準入力の1行目をパスワードにします",
    ),
    ("portal account reset", "name", "アカウントの名前"),
    ("portal account disable", "name", "アカウントの名前"),
    ("portal account enable", "name", "アカウントの名前"),
    ("portal account list", "after", "この名前の次から"),
    ("portal account list", "max", "多くてこの数、1 から 1000"),
    ("audit verify", "bundle", "証拠ファイル"),
    ("audit explain", "index", "記録の台帳番号"),
    (
        "audit who-could-see",
        "subject",
        "患者。subject show が表示する「ネットワーク:仮名」",
    ),
    (
        "audit who-could-see",
        "document_category",
        "文書の情報の種類",
    ),
    (
        "audit who-could-see",
        "on",
        "日付（その日の終わり）、または日本時間の日時",
    ),
    ("audit widened", "index", "変更の台帳番号"),
    (
        "audit widened",
        "since",
        "この番号以降のすべての変更について",
    ),
    (
        "ledger checkpoint",
        "min_size",
        "少なくともこの件数の記録を含むもの",
    ),
    ("ledger log", "from", "最初の番号"),
    ("ledger log", "max", "件数"),
    (
        "ledger receipt",
        "entry",
        "記録：台帳の番号、または送ったときの要求番号",
    ),
    ("ledger receipt", "out", "書き出すファイル"),
    ("ledger receipt", "wait", "どこまで証明するものを待つか"),
    (
        "ledger receipt",
        "checkpoint",
        "最新のものではなく、この検証点のもとで証明します（立会人が連署したものなど）",
    ),
    ("ledger verify-receipt", "receipt", "記録証"),
    (
        "ledger verify-receipt",
        "genesis",
        "信頼できる人から受け取った、台帳の創設ファイル",
    ),
    (
        "ledger verify-receipt",
        "witness",
        "信頼する外部の立会人の検証鍵 名前+ハッシュ+鍵（C2SP signed-note）。繰り返し指定できます",
    ),
    (
        "ledger verify-receipt",
        "witnesses_needed",
        "そのうち何人の連署が必要か [既定：1]",
    ),
    (
        "ledger fsck",
        "scratch",
        "台帳の状態と同じだけ空きのある作業用フォルダー。省略時はシステムのもの",
    ),
    (
        "ledger export",
        "out",
        "書き出すフォルダー。途中で止まった書き出しは、続きから行います",
    ),
    (
        "ledger export",
        "stopped",
        "動いているレプリカに尋ねず、停止したレプリカのファイルから読みます",
    ),
    (
        "ledger join",
        "endpoint",
        "他のレプリカがこのマシンに接続する HOST:PORT",
    ),
    (
        "ledger join",
        "peer",
        "記録を取り寄せ、申請を送る先のレプリカ。複数指定でき、順に試します（省略時は創設時のレプリカ）",
    ),
    (
        "ledger join",
        "replica",
        "別のマシンで `ledger allocate` により設けた席の番号",
    ),
    (
        "ledger join",
        "replaces",
        "失われた自ネットワークのレプリカ。先に引退させ、そのマシンの通信鍵をもう一度使えるようにします",
    ),
    (
        "ledger join",
        "credentials",
        "運営鍵と、台帳が知っている通信鍵のあるフォルダー（省略時はこのマシンの鍵）",
    ),
    (
        "ledger allocate",
        "request",
        "新しいマシンで `ledger join` が書いた申請",
    ),
    ("ledger promote", "replica", "追いついたレプリカの番号"),
    (
        "ledger leave",
        "replica",
        "レプリカの番号（故障、敵対、または不要になったもの）",
    ),
    (
        "ledger verify-receipt",
        "recovery",
        "復旧の声明。記録が引き継がれたか、失われたことをこの記録証が証明するかを示します",
    ),
    (
        "ledger backup",
        "out",
        "書き出すフォルダー。中断した控えは続きから、以前の控えには新しい分を加えます",
    ),
    (
        "ledger backup",
        "stopped",
        "動いているレプリカに尋ねず、停止したレプリカのファイルから読みます",
    ),
    ("ledger restore", "from", "控えのフォルダー"),
    (
        "ledger restore",
        "replica",
        "新しいレプリカの番号（省略時は、ここで `ledger join` が得た席）",
    ),
    ("ledger restore", "check_only", "検証だけを行います"),
    (
        "ledger recover look",
        "places",
        "停止したレプリカのデータフォルダー（ledger.redb のある所）、または書き出しや控え",
    ),
    (
        "ledger recover keep",
        "place",
        "最も長い記録のあるデータフォルダー",
    ),
    ("ledger recover keep", "out", "書き出すフォルダー"),
    (
        "ledger recover seat",
        "endpoint",
        "他のレプリカがこのマシンに接続する HOST:PORT",
    ),
    (
        "ledger recover propose",
        "prefix",
        "`recover keep` が書いたフォルダーか控え。残っている中で最も長いもの",
    ),
    (
        "ledger recover propose",
        "seat",
        "席の申請。マシンごとに指定します",
    ),
    ("ledger recover propose", "out", "声明を書くファイル"),
    ("ledger recover sign", "statement", "声明"),
    (
        "ledger recover sign",
        "have",
        "手元に残るもの。声明より長い記録があれば署名しません",
    ),
    (
        "ledger recover start",
        "statement",
        "三分の二以上のネットワークが署名した声明",
    ),
    (
        "ledger recover start",
        "prefix",
        "声明が引き継ぐ記録のフォルダー",
    ),
    ("ledger import", "from", "書き出されたフォルダー"),
    ("ledger import", "check_only", "検証だけを行います"),
];
