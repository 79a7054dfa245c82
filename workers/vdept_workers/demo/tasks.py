"""The demonstration's tasks: shared between ministry, province, commune and firm, in every state."""

from datetime import date
from functools import partial

from vdept.targets.models import Audience
from vdept.tasks.assigning import assign_people
from vdept.tasks.finishing import deliver_task, verify_task
from vdept.tasks.lifecycle import accept_task, start_task
from vdept.tasks.models import ParticipantRole, TaskKind
from vdept.tasks.progress import report_progress
from vdept.tasks.sharing import accept_invitation
from vdept.tasks.talking import Proof, add_evidence, comment_on_task
from vdept_workers.demo.people import (
    COMMUNE_HEAD,
    COORDINATOR,
    ENGINEER,
    FIRM,
    FIRM_HEAD,
    HUE,
    HUE_HEAD,
    HUE_MEMBER,
    ISSUER,
    MINISTRY,
    NATION,
    THUAN_HOA,
    speaker_of,
)
from vdept_workers.demo.work import Act, Life, Stage, Verb

R = ParticipantRole
CLEANING = "Làm sạch dữ liệu hộ tịch phục vụ hồ sơ trực tuyến"


async def load_tasks(stage: Stage, late: date) -> None:
    """All of them, each brought to where its life has come; one was due on ``late``."""
    await stage.play_alike(*catalogue(stage))
    for life in (portal, redesign, guide, training, help_desk):
        await stage.play(life(stage))
    await stage.play(cleaning(stage, late))


def progress(percent: int) -> Verb:
    return partial(report_progress, progress=percent)


def catalogue(stage: Stage) -> tuple[Life, dict[str, tuple[Act, ...]]]:
    """One for every province: verified, delivered late, half done, or not even accepted, a quarter each."""
    life = Life(
        title="Công bố danh mục thủ tục đủ điều kiện thực hiện trực tuyến toàn trình",
        owner=NATION,
        set_by=ISSUER,
        percent=10,
        due_on=stage.season.day(75),
        serves=NATION,
    )
    acts = {}
    for i, province in enumerate(stage.cast.provinces):
        who = speaker_of(province)
        page = f"https://dichvucong.example.vn/danh-muc/{province.code}"
        delivered = partial(
            deliver_task,
            result="Đã công bố danh mục trên Cổng Dịch vụ công.",
            evidence=[Proof(page, "Quyết định công bố danh mục")],
        )
        begun = (Act(who, 14, accept_task), Act(who, 18, start_task))
        lives: tuple[tuple[Act, ...], ...] = (
            (*begun, Act(who, 60, delivered), Act(ISSUER, 70, verify_task)),
            (*begun, Act(who, 84, delivered)),
            (*begun, Act(who, 65, progress(50))),
            (),
        )
        acts[province.code] = lives[0 if province.code == HUE else i % 4]
    return life, acts


def portal(stage: Stage) -> Life:
    """Shared by province and firm, delivered with evidence, its effect verified."""
    report = Proof("https://dichvucong.example.vn/hue/nghiem-thu", "Biên bản nghiệm thu kết nối")
    delivered = partial(
        deliver_task,
        result="Hai cổng đã kết nối; hồ sơ được đồng bộ hai chiều trong ngày.",
        evidence=[report],
    )
    return Life(
        title="Kết nối Cổng dịch vụ công thành phố Huế với Cổng Dịch vụ công quốc gia",
        owner=HUE,
        set_by=HUE_HEAD,
        percent=6,
        due_on=stage.season.day(70),
        serves=HUE,
        lead=FIRM,
        share=60,
        parts=((HUE, R.PROBLEM_OWNER, 40),),
        acts=(
            Act(FIRM_HEAD, 8, accept_task),
            Act(FIRM_HEAD, 9, partial(assign_people, person_ids=[stage.cast.person(ENGINEER)])),
            Act(FIRM_HEAD, 10, start_task),
            Act(HUE_HEAD, 50, progress(100)),
            Act(FIRM_HEAD, 60, delivered),
            Act(HUE_HEAD, 63, verify_task),
        ),
    )


def redesign(stage: Stage) -> Life:
    """Shared by ministry, province and firm, each with a role and a share; 57 % of the way."""
    remark = "Mười lăm quy trình đã chạy thử; mười quy trình còn vướng ở khâu số hóa giấy tờ cũ."
    draft = Proof("https://dichvucong.example.vn/hue/quy-trinh-mau", "Bộ quy trình mẫu, bản 3")
    return Life(
        title="Tái cấu trúc 25 dịch vụ công thiết yếu của thành phố Huế để xử lý toàn trình",
        owner=HUE,
        set_by=HUE_HEAD,
        percent=20,
        due_on=stage.season.ahead(30),
        serves=HUE,
        lead=FIRM,
        share=50,
        parts=((HUE, R.PROBLEM_OWNER, 30), (MINISTRY, R.CONTRIBUTOR, 20)),
        acts=(
            Act(FIRM_HEAD, 22, accept_task),
            Act(COORDINATOR, 23, accept_invitation),
            Act(FIRM_HEAD, 24, partial(assign_people, person_ids=[stage.cast.person(ENGINEER)])),
            Act(HUE_HEAD, 24, partial(assign_people, person_ids=[stage.cast.person(HUE_MEMBER)])),
            Act(FIRM_HEAD, 25, start_task),
            Act(ENGINEER, 60, progress(70)),
            Act(HUE_MEMBER, 62, progress(40)),
            Act(COORDINATOR, 65, progress(50)),
            Act(HUE_MEMBER, 66, partial(comment_on_task, body=remark)),
            Act(ENGINEER, 67, partial(add_evidence, proof=draft)),
        ),
    )


def cleaning(stage: Stage, late: date) -> Life:
    """Set by the ministry, led by the province with a commune, and overdue."""
    remark = "Còn khoảng một nửa sổ hộ tịch giấy chưa đối chiếu; xin cử thêm người ở cấp xã."
    return Life(
        title=CLEANING,
        owner=MINISTRY,
        set_by=COORDINATOR,
        percent=20,
        due_on=late,
        serves=HUE,
        lead=HUE,
        share=70,
        parts=((THUAN_HOA, R.USER, 30),),
        acts=(
            Act(HUE_HEAD, 24, accept_task),
            Act(COMMUNE_HEAD, 26, accept_invitation),
            Act(HUE_HEAD, 27, partial(assign_people, person_ids=[stage.cast.person(HUE_MEMBER)])),
            Act(HUE_HEAD, 28, start_task),
            Act(HUE_MEMBER, 70, progress(45)),
            Act(COMMUNE_HEAD, 72, progress(60)),
            Act(HUE_MEMBER, 90, partial(comment_on_task, body=remark)),
        ),
    )


def guide(stage: Stage) -> Life:
    """On the board: whoever sees it may take it, a firm or an association too."""
    return Life(
        title="Soạn hướng dẫn nộp hồ sơ trực tuyến cho người cao tuổi",
        owner=MINISTRY,
        set_by=COORDINATOR,
        percent=80,
        due_on=stage.season.ahead(45),
        serves=NATION,
        audience=Audience.PUBLIC,
    )


def training(stage: Stage) -> Life:
    """Offered to the commune, which has yet to answer."""
    return Life(
        title="Tập huấn cán bộ bộ phận một cửa về quy trình toàn trình",
        owner=HUE,
        set_by=HUE_HEAD,
        percent=92,
        due_on=stage.season.ahead(20),
        serves=THUAN_HOA,
        lead=THUAN_HOA,
        kind=TaskKind.ROUTINE,
    )


def help_desk(stage: Stage) -> Life:
    """Delivered late, its effect not verified yet."""
    places = Proof("https://thuanhoa.example.vn/diem-ho-tro", "Danh sách điểm hỗ trợ")
    delivered = partial(
        deliver_task, result="Sáu điểm hỗ trợ mở hằng ngày, mỗi điểm hai tình nguyện viên.", evidence=[places]
    )
    return Life(
        title="Mở điểm hỗ trợ người dân nộp hồ sơ trực tuyến tại nhà văn hóa",
        owner=HUE,
        set_by=HUE_HEAD,
        percent=30,
        due_on=stage.season.day(75),
        serves=THUAN_HOA,
        lead=THUAN_HOA,
        kind=TaskKind.ROUTINE,
        acts=(
            Act(COMMUNE_HEAD, 33, accept_task),
            Act(COMMUNE_HEAD, 35, start_task),
            Act(COMMUNE_HEAD, 88, delivered),
        ),
    )
