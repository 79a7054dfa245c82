"""Why a connector's setting is refused, and why what a source answered is no document."""

from vdept.kernel.errors import Kind, refusal

CONNECTOR_ADDRESS = refusal(
    "CONNECTOR_ADDRESS",
    Kind.INVALID,
    vi="Không được hỏi địa chỉ này: {reason_vi}.",
    en="Nothing may be asked of this address: {reason}.",
)
CONNECTOR_PATH = refusal(
    "CONNECTOR_PATH",
    Kind.INVALID,
    vi="Đường dẫn JSONPath (RFC 9535) này không dùng được: {reason_vi}.",
    en="This JSONPath (RFC 9535) cannot be used: {reason}.",
)
CONNECTOR_FIELD = refusal(
    "CONNECTOR_FIELD",
    Kind.INVALID,
    vi="Cách lấy trường này không hợp lệ: {reason_vi}.",
    en="The field cannot be read like this: {reason}.",
)
CONNECTOR_NOT_PULLED = refusal(
    "CONNECTOR_NOT_PULLED",
    Kind.CONFLICT,
    vi="Nguồn này tự gửi số liệu (PUSH) nên không có kết nối. Hãy đăng ký một nguồn loại PULL.",
    en="This source sends its values itself (PUSH) and has no connector. Register one that is pulled (PULL).",
)
CONNECTOR_MISSING = refusal(
    "CONNECTOR_MISSING",
    Kind.CONFLICT,
    vi="Nguồn chưa có kết nối. Hãy đặt kết nối (setConnector) trước.",
    en="The source has no connector. Set one first (setConnector).",
)
CONNECTOR_CREDENTIALS = refusal(
    "CONNECTOR_CREDENTIALS",
    Kind.INVALID,
    vi="Thông tin đăng nhập không hợp lệ: {reason_vi}.",
    en="The credentials cannot be used: {reason}.",
)
CONNECTOR_BUSY = refusal(
    "CONNECTOR_BUSY",
    Kind.CONFLICT,
    vi="Đang có quá nhiều kết nối được chạy thử. Hãy thử lại sau một phút.",
    en="Too many connectors are being tried at the moment. Try again in a minute.",
)
SOURCE_NAME_UNKNOWN = refusal(
    "SOURCE_NAME_UNKNOWN",
    Kind.INVALID,
    vi="Không tìm thấy máy chủ của nguồn: tên máy không có địa chỉ. Kiểm tra lại tên máy.",
    en="The source's host is not found: its name leads nowhere. Check the name.",
)
SOURCE_ADDRESS_NOT_ALLOWED = refusal(
    "SOURCE_ADDRESS_NOT_ALLOWED",
    Kind.INVALID,
    vi="Tên máy của nguồn dẫn tới một địa chỉ không công cộng. Người vận hành có thể cho phép mạng đó "
    "(VDEPT_SOURCE_NETWORKS).",
    en="The source's name leads to an address that is not public. The operator can allow its network "
    "(VDEPT_SOURCE_NETWORKS).",
)
SOURCE_NO_CONNECTION = refusal(
    "SOURCE_NO_CONNECTION",
    Kind.INVALID,
    vi="Không kết nối được tới nguồn, hoặc kết nối bị ngắt. Kiểm tra máy chủ và tường lửa.",
    en="The source does not take the connection, or breaks it. Check its server and firewall.",
)
SOURCE_CERTIFICATE = refusal(
    "SOURCE_CERTIFICATE",
    Kind.INVALID,
    vi="Chứng thư TLS của nguồn không hợp lệ với tên máy. Hãy thay chứng thư.",
    en="The source's TLS certificate is not valid for its name. Have it renewed.",
)
SOURCE_TIMEOUT = refusal(
    "SOURCE_TIMEOUT",
    Kind.INVALID,
    vi="Nguồn không trả lời xong trong {seconds} giây. Hãy hỏi ít dữ liệu hơn hoặc tăng timeoutSeconds.",
    en="The source did not finish within {seconds} seconds. Ask for less, or raise timeoutSeconds.",
)
SOURCE_BROKEN_ANSWER = refusal(
    "SOURCE_BROKEN_ANSWER",
    Kind.INVALID,
    vi="Câu trả lời của nguồn không đúng giao thức hoặc bị cắt giữa chừng.",
    en="What the source answered breaks the protocol, or ends in the middle.",
)
SOURCE_REDIRECT = refusal(
    "SOURCE_REDIRECT",
    Kind.INVALID,
    vi="Nguồn chuyển hướng (HTTP {status}); hệ thống không đi theo. Hãy ghi thẳng địa chỉ mới.",
    en="The source redirects (HTTP {status}), and no redirect is followed. Give the new address itself.",
)
SOURCE_UNAUTHORIZED = refusal(
    "SOURCE_UNAUTHORIZED",
    Kind.INVALID,
    vi="Nguồn không chấp nhận thông tin đăng nhập. Hãy đặt lại (setConnector).",
    en="The source does not accept the credentials. Set them anew (setConnector).",
)
SOURCE_STATUS = refusal(
    "SOURCE_STATUS",
    Kind.INVALID,
    vi="Nguồn trả lời lỗi HTTP {status}. Hãy báo người quản lý nguồn.",
    en="The source answered HTTP {status}. Tell whoever runs it.",
)
SOURCE_EMPTY = refusal(
    "SOURCE_EMPTY",
    Kind.INVALID,
    vi="Nguồn trả lời rỗng, không có dữ liệu nào.",
    en="The source answered with nothing at all.",
)
SOURCE_HTML = refusal(
    "SOURCE_HTML",
    Kind.INVALID,
    vi="Nguồn trả về một trang web (HTML), không phải số liệu: có thể là trang đăng nhập hay trang báo lỗi.",
    en="The source answered with a web page (HTML) and no data: a sign-in page or an error page, perhaps.",
)
SOURCE_TOO_LARGE = refusal(
    "SOURCE_TOO_LARGE",
    Kind.INVALID,
    vi="Câu trả lời của nguồn lớn hơn {limit_mb} MB. Hãy hỏi ít dữ liệu hơn.",
    en="The source's answer is larger than {limit_mb} MB. Ask for less.",
)
SOURCE_UNPACKS_TOO_LARGE = refusal(
    "SOURCE_UNPACKS_TOO_LARGE",
    Kind.INVALID,
    vi="Câu trả lời nén của nguồn bung ra hơn {limit_mb} MB nên bị bỏ. Hãy hỏi ít dữ liệu hơn.",
    en="The source's compressed answer unpacks to more than {limit_mb} MB and was dropped. Ask for less.",
)
SOURCE_ENCODING = refusal(
    "SOURCE_ENCODING",
    Kind.INVALID,
    vi="Câu trả lời của nguồn nén theo cách không được hỗ trợ hoặc bị hỏng; chỉ đọc được gzip và deflate.",
    en="The answer's compression is damaged or none that is read; gzip and deflate are.",
)
SOURCE_NOT_UTF8 = refusal(
    "SOURCE_NOT_UTF8",
    Kind.INVALID,
    vi="Câu trả lời của nguồn không phải bảng mã UTF-8 (byte sai thứ {byte}).",
    en="The source's answer is not UTF-8 (the first wrong byte is number {byte}).",
)
SOURCE_NOT_JSON = refusal(
    "SOURCE_NOT_JSON",
    Kind.INVALID,
    vi="Câu trả lời của nguồn không phải JSON hợp lệ (gần byte {byte}).",
    en="The source's answer is no valid JSON (near byte {byte}).",
)
SOURCE_NOT_A_TABLE = refusal(
    "SOURCE_NOT_A_TABLE",
    Kind.INVALID,
    vi="Không đọc được bảng của nguồn: {reason_vi}",
    en="The source's table cannot be read: {reason}",
)
SOURCE_NO_ROWS = refusal(
    "SOURCE_NO_ROWS",
    Kind.INVALID,
    vi="Không tìm thấy dòng nào tại {rows} trong câu trả lời của nguồn. Kiểm tra lại cách lấy dòng.",
    en="Nothing is found at {rows} in what the source answered. Check where the rows are.",
)
SOURCE_TOO_MANY_ROWS = refusal(
    "SOURCE_TOO_MANY_ROWS",
    Kind.INVALID,
    vi="Nguồn trả về hơn {limit} dòng. Hãy hỏi ít dòng hơn.",
    en="The source answered with more than {limit} rows. Ask for fewer.",
)
SOURCE_DATABASE = refusal(
    "SOURCE_DATABASE",
    Kind.INVALID,
    vi="Cơ sở dữ liệu của nguồn từ chối câu truy vấn (SQLSTATE {sqlstate}): {reason_vi}.",
    en="The source's database refuses the query (SQLSTATE {sqlstate}): {reason}.",
)
SOURCE_CREDENTIALS_UNREADABLE = refusal(
    "SOURCE_CREDENTIALS_UNREADABLE",
    Kind.INVALID,
    vi="Hệ thống không đọc được thông tin đăng nhập đã lưu. Hãy đặt lại (setConnector) "
    "và báo người vận hành.",
    en="The platform cannot read the stored credentials. Set them anew (setConnector) and tell the operator.",
)
SOURCE_INTERNAL = refusal(
    "SOURCE_INTERNAL",
    Kind.INVALID,
    vi="Có lỗi ở phía hệ thống khi đọc nguồn; người vận hành xem được trong nhật ký.",
    en="Something failed at the platform while reading the source; its operator finds it in the log.",
)

FAILURES = frozenset(
    {
        *(SOURCE_NAME_UNKNOWN, SOURCE_ADDRESS_NOT_ALLOWED, SOURCE_NO_CONNECTION, SOURCE_CERTIFICATE),
        *(SOURCE_TIMEOUT, SOURCE_BROKEN_ANSWER, SOURCE_REDIRECT, SOURCE_UNAUTHORIZED, SOURCE_STATUS),
        *(SOURCE_EMPTY, SOURCE_HTML, SOURCE_TOO_LARGE, SOURCE_UNPACKS_TOO_LARGE, SOURCE_ENCODING),
        *(SOURCE_NOT_UTF8, SOURCE_NOT_JSON, SOURCE_NOT_A_TABLE, SOURCE_NO_ROWS, SOURCE_TOO_MANY_ROWS),
        *(SOURCE_DATABASE, SOURCE_CREDENTIALS_UNREADABLE, SOURCE_INTERNAL),
    }
)
"""Why a poll failed: the codes of FAILED intakes."""
