"""Verbs on persons and memberships."""

from datetime import date

import strawberry
from strawberry import field

from vdept.kernel.actor import Role
from vdept.kernel.db import Tx
from vdept.kernel.errors import Locale
from vdept.people import service
from vdept.people.models import Membership as MembershipRow
from vdept.people.models import Person as PersonRow
from vdept_graphql.context import Info
from vdept_graphql.errors import UserError
from vdept_graphql.ids import decode, decode_optional
from vdept_graphql.inputs import In, given_value
from vdept_graphql.mutations import ERRORS, EXPECTED_VERSION, IDEMPOTENCY_KEY, one, perform
from vdept_graphql.people import Membership, Person, load_memberships, load_persons


@strawberry.type(description="What a mutation of a person answers with.")
class PersonPayload:
    """The person, or why not."""

    person: Person | None = field(default=None, description="The person after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What a mutation of a membership answers with.")
class MembershipPayload:
    """The membership, or why not."""

    membership: Membership | None = field(default=None, description="The membership after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="A new person, with a first role where one is given.")
class CreatePersonInput:
    """Who."""

    name: str = field(description="Full name.")
    email: str = field(description="E-mail address; unique.")
    locale: Locale = field(default=Locale.VI, description="The language they read.")
    administrator: bool = field(default=False, description="Whether they administer the platform.")
    unit_id: strawberry.ID | None = field(
        default=None, description="The unit of their first role; needed unless you are an administrator."
    )
    role: Role = field(default=Role.MEMBER, description="Their first role there.")
    starts_on: date | None = field(default=None, description="From this day; today unless given.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A change of a person; what is left out stays as it is.")
class UpdatePersonInput:
    """What changes."""

    person_id: strawberry.ID = field(description="Which person.")
    name: str | None = field(default=strawberry.UNSET, description="New name.")
    email: str | None = field(default=strawberry.UNSET, description="New e-mail address.")
    locale: Locale | None = field(
        default=strawberry.UNSET, description="The language they read; everybody may choose their own."
    )
    administrator: bool | None = field(
        default=strawberry.UNSET, description="Whether they administer the platform."
    )
    active: bool | None = field(default=strawberry.UNSET, description="Whether they may sign in.")
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A role for a person in a unit.")
class GrantMembershipInput:
    """Who, where, what, when."""

    person_id: strawberry.ID = field(description="Who.")
    unit_id: strawberry.ID = field(description="Where.")
    role: Role = field(description="As what. A unit has at most one head on any day.")
    starts_on: date | None = field(default=None, description="First day; today unless given.")
    ends_on: date | None = field(default=None, description="Last day; none unless given.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="The end of a membership.")
class EndMembershipInput:
    """Which and when."""

    membership_id: strawberry.ID = field(description="Which membership.")
    ends_on: date | None = field(
        default=None, description="Last day on which it counts; today unless given, yesterday to end it now."
    )
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.type
class PeopleMutation:
    """Verbs on people."""

    @strawberry.mutation(
        description="Enter a person. Administrators enter anybody; who may give the role in the unit enters "
        "a new colleague there."
    )
    async def create_person(self, info: Info, input: In[CreatePersonInput]) -> PersonPayload | None:
        async def verb(tx: Tx) -> PersonRow:
            return await service.create_person(
                tx,
                name=input.name,
                email=input.email,
                locale=input.locale,
                administrator=input.administrator,
                unit_id=decode_optional(input.unit_id, "Unit", "unitId"),
                role=input.role,
                starts_on=input.starts_on,
            )

        return await perform(info, PersonPayload, input, verb, one("person", load_persons))

    @strawberry.mutation(
        description="Change a person. For administrators; everybody may choose their own language."
    )
    async def update_person(self, info: Info, input: In[UpdatePersonInput]) -> PersonPayload | None:
        async def verb(tx: Tx) -> PersonRow:
            return await service.update_person(
                tx,
                decode(input.person_id, "Person", "personId"),
                name=given_value(input.name, "name"),
                email=given_value(input.email, "email"),
                locale=given_value(input.locale, "locale"),
                administrator=given_value(input.administrator, "administrator"),
                active=given_value(input.active, "active"),
                expected_version=input.expected_version,
            )

        return await perform(info, PersonPayload, input, verb, one("person", load_persons))

    @strawberry.mutation(
        description="Give a person a role in a unit. For its managers and those of the units above; heads "
        "and deputies are appointed by the head of a unit above or an administrator."
    )
    async def grant_membership(self, info: Info, input: In[GrantMembershipInput]) -> MembershipPayload | None:
        async def verb(tx: Tx) -> MembershipRow:
            return await service.grant_membership(
                tx,
                decode(input.person_id, "Person", "personId"),
                decode(input.unit_id, "Unit", "unitId"),
                input.role,
                input.starts_on,
                input.ends_on,
            )

        return await perform(info, MembershipPayload, input, verb, one("membership", load_memberships))

    @strawberry.mutation(description="Set the last day of a membership. For whoever may grant it.")
    async def end_membership(self, info: Info, input: In[EndMembershipInput]) -> MembershipPayload | None:
        async def verb(tx: Tx) -> MembershipRow:
            return await service.end_membership(
                tx, decode(input.membership_id, "Membership", "membershipId"), input.ends_on
            )

        return await perform(info, MembershipPayload, input, verb, one("membership", load_memberships))
