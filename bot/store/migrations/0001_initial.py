"""The first tables."""

from peewee import *

def up(migrator, db):
    class Article(Model):
        id = TextField(primary_key=True)
        site_id = TextField(default='')
        source = TextField()
        path = TextField()
        slug = TextField()
        title = TextField()
        language = TextField(default='')
        body = TextField()
        url = TextField(default='')
        checksum = TextField()
        version = IntegerField(index=True)
        updated = TextField(default='')
        state = TextField(default='live')
        changed_at = DoubleField()
        class Meta:
            database = db
            table_name = 'article'
            indexes = ((('source', 'site_id', 'path'), True),)
    db.create_tables([Article])

    class Audit(Model):
        at = DoubleField()
        actor = TextField()
        action = TextField()
        object = TextField()
        detail = TextField(default='{}')
        prev_hash = TextField()
        hash = TextField(unique=True)
        class Meta:
            database = db
            table_name = 'audit'
    db.create_tables([Audit])

    class Breaker(Model):
        name = TextField(primary_key=True)
        state = TextField()
        updated_at = DoubleField()
        class Meta:
            database = db
            table_name = 'breaker'
    db.create_tables([Breaker])

    class Site(Model):
        id = TextField(primary_key=True)
        key = TextField(unique=True)
        name = TextField()
        origins = JSONField(default=list)
        look = JSONField(default=dict)
        settings = JSONField(default=dict)
        daily_tokens = IntegerField(null=True)
        created_at = DoubleField()
        class Meta:
            database = db
            table_name = 'site'
    db.create_tables([Site])

    class Contact(Model):
        id = TextField(primary_key=True)
        site = ForeignKeyField(Site, on_delete='CASCADE')
        name = TextField(default='')
        email = TextField(default='')
        language = TextField(default='')
        created_at = DoubleField()
        class Meta:
            database = db
            table_name = 'contact'
    db.create_tables([Contact])

    class Conversation(Model):
        id = TextField(primary_key=True)
        site = ForeignKeyField(Site, on_delete='CASCADE')
        contact = ForeignKeyField(Contact, on_delete='CASCADE')
        channel = TextField()
        state = TextField(default='ai')
        seq = IntegerField(default=0)
        rev = IntegerField(default=0)
        answered = IntegerField(default=0)
        state_rev = IntegerField(default=0)
        needs = BooleanField(default=False)
        due_at = DoubleField(default=0)
        lease_owner = TextField(default='')
        lease_until = DoubleField(default=0)
        fence = IntegerField(default=0)
        assignee = TextField(default='')
        language = TextField(default='')
        title = TextField(default='')
        created_at = DoubleField()
        active_at = DoubleField()
        resolved_at = DoubleField(null=True)
        had_people = BooleanField(default=False)
        class Meta:
            database = db
            table_name = 'conversation'
            indexes = ((('contact', 'active_at'), False), (('state', 'active_at'), False))
    db.create_tables([Conversation])

    class Cursor(Model):
        name = TextField(primary_key=True)
        value = TextField()
        class Meta:
            database = db
            table_name = 'cursor'
    db.create_tables([Cursor])

    class DataKey(Model):
        id = TextField(primary_key=True)
        purpose = TextField(index=True)
        wrapped = TextField()
        master = TextField()
        created_at = DoubleField()
        retired_at = DoubleField(null=True)
        class Meta:
            database = db
            table_name = 'data_key'
    db.create_tables([DataKey])

    class Delivery(Model):
        ord = AutoField()
        key = TextField(unique=True)
        conversation = ForeignKeyField(Conversation, on_delete='CASCADE')
        message = TextField(index=True, default='')
        channel = TextField()
        place = TextField()
        op = TextField(default='send')
        version = IntegerField(default=0)
        part = IntegerField(default=0)
        parts = IntegerField(default=1)
        state = TextField(default='pending')
        attempts = IntegerField(default=0)
        crashes = IntegerField(default=0)
        next_at = DoubleField(default=0)
        first_sent_at = DoubleField(null=True)
        sent_at = DoubleField(null=True)
        platform_id = TextField(null=True)
        owner = TextField(default='')
        error = TextField(default='')
        created_at = DoubleField()
        class Meta:
            database = db
            table_name = 'delivery'
            indexes = ((('message', 'channel', 'place', 'op', 'version', 'part'), True), (('channel', 'place', 'platform_id', 'op', 'version'), True), (('state', 'next_at'), False))
    db.create_tables([Delivery])

    class Identity(Model):
        id = TextField(primary_key=True)
        contact = ForeignKeyField(Contact, on_delete='CASCADE')
        channel = TextField()
        external_id = TextField()
        created_at = DoubleField()
        class Meta:
            database = db
            table_name = 'identity'
            indexes = ((('channel', 'external_id'), True),)
    db.create_tables([Identity])

    class Job(Model):
        id = TextField(primary_key=True)
        kind = TextField()
        ref = TextField(default='')
        occasion = TextField(default='')
        state = TextField(default='queued')
        queue = TextField(default='quick')
        attempts = IntegerField(default=0)
        next_at = DoubleField(default=0)
        lease_owner = TextField(default='')
        lease_until = DoubleField(default=0)
        fence = IntegerField(default=0)
        error = TextField(default='')
        created_at = DoubleField()
        ended_at = DoubleField(null=True)
        class Meta:
            database = db
            table_name = 'job'
            indexes = ((('kind', 'ref', 'occasion'), True), (('state', 'next_at'), False))
    db.create_tables([Job])

    class Leader(Model):
        name = TextField(primary_key=True)
        owner = TextField(default='')
        until = DoubleField(default=0)
        fence = IntegerField(default=0)
        class Meta:
            database = db
            table_name = 'leader'
    db.create_tables([Leader])

    class Ledger(Model):
        key = TextField(primary_key=True)
        channel = TextField()
        kind = TextField()
        conversation = TextField(index=True, default='')
        message = TextField(default='')
        seq = IntegerField(default=0)
        rev = IntegerField(default=0)
        body_hash = TextField()
        received_at = DoubleField(index=True)
        error = TextField(default='')
        payload = TextField(default='')
        class Meta:
            database = db
            table_name = 'ledger'
    db.create_tables([Ledger])

    class Message(Model):
        id = TextField(primary_key=True)
        conversation = ForeignKeyField(Conversation, on_delete='CASCADE')
        seq = IntegerField()
        rev = IntegerField()
        author = TextField()
        author_name = TextField(default='')
        body = TextField()
        sealed = BooleanField(default=False)
        client_key = TextField(null=True)
        turn = TextField(null=True)
        kind = TextField(default='')
        extra = TextField(default='')
        created_at = DoubleField()
        edited_at = DoubleField(null=True)
        deleted = BooleanField(default=False)
        class Meta:
            database = db
            table_name = 'message'
            indexes = ((('conversation', 'seq'), True), (('conversation', 'rev'), True), (('conversation', 'client_key'), True))
    db.create_tables([Message])

    class Passage(Model):
        id = TextField(primary_key=True)
        article = ForeignKeyField(Article, on_delete='CASCADE')
        ord = IntegerField()
        heading = TextField(default='')
        text = TextField()
        language = TextField(default='')
        class Meta:
            database = db
            table_name = 'passage'
    db.create_tables([Passage])

    class PluginState(Model):
        name = TextField(primary_key=True)
        enabled = BooleanField(null=True)
        settings = TextField(default='{}')
        strikes = IntegerField(default=0)
        off_reason = TextField(default='')
        last_error = TextField(default='')
        last_error_at = DoubleField(null=True)
        changed_at = DoubleField(default=0)
        class Meta:
            database = db
            table_name = 'plugin_state'
    db.create_tables([PluginState])

    class Route(Model):
        id = TextField(primary_key=True)
        conversation = ForeignKeyField(Conversation, on_delete='CASCADE')
        channel = TextField()
        place = TextField()
        current = BooleanField(default=True)
        created_at = DoubleField()
        class Meta:
            database = db
            table_name = 'route'
    db.create_tables([Route])

    class Setting(Model):
        key = TextField(primary_key=True)
        value = JSONField()
        changed_at = DoubleField(default=0)
        class Meta:
            database = db
            table_name = 'setting'
    db.create_tables([Setting])

    class Slot(Model):
        owner = TextField(primary_key=True)
        process = TextField()
        host = TextField()
        pid = IntegerField()
        started_at = DoubleField()
        beat_at = DoubleField()
        class Meta:
            database = db
            table_name = 'slot'
    db.create_tables([Slot])

    class Ticket(Model):
        id = TextField(primary_key=True)
        number = BigIntegerField(unique=True)
        conversation = ForeignKeyField(Conversation, unique=True, on_delete='CASCADE')
        state = TextField(index=True, default='open')
        reason = TextField(default='')
        summary = TextField(default='')
        name = TextField(default='')
        email = TextField(default='')
        assignee = TextField(default='')
        outcome = TextField(default='')
        history = JSONField(default=list)
        created_at = DoubleField()
        changed_at = DoubleField()
        resolved_at = DoubleField(null=True)
        class Meta:
            database = db
            table_name = 'ticket'
    db.create_tables([Ticket])

    class TokenSpend(Model):
        id = TextField(primary_key=True)
        site = TextField(index=True)
        day = TextField()
        tokens = BigIntegerField(default=0)
        turns = IntegerField(default=0)
        class Meta:
            database = db
            table_name = 'token_spend'
    db.create_tables([TokenSpend])

    class Turn(Model):
        id = TextField(primary_key=True)
        conversation = ForeignKeyField(Conversation, on_delete='CASCADE')
        upto_seq = IntegerField()
        state = TextField(default='running')
        attempt = IntegerField(default=1)
        crashes = IntegerField(default=0)
        stop = BooleanField(default=False)
        provider = TextField(default='')
        model = TextField(default='')
        input_tokens = IntegerField(default=0)
        output_tokens = IntegerField(default=0)
        confidence = DoubleField(null=True)
        first_delta_ms = IntegerField(null=True)
        total_ms = IntegerField(null=True)
        draft = TextField(default='')
        error = TextField(default='')
        started_at = DoubleField()
        ended_at = DoubleField(null=True)
        class Meta:
            database = db
            table_name = 'turn'
            indexes = ((('conversation', 'upto_seq'), True),)
    db.create_tables([Turn])

    class Visitor(Model):
        token_hash = TextField(primary_key=True)
        site = ForeignKeyField(Site, on_delete='CASCADE')
        identity = ForeignKeyField(Identity, on_delete='CASCADE')
        created_at = DoubleField()
        expires_at = DoubleField(index=True)
        revoked = BooleanField(default=False)
        class Meta:
            database = db
            table_name = 'visitor'
    db.create_tables([Visitor])


    # Partial indexes: what waits for a turn, one current conversation per place, one answer per turn.
    db.execute_sql('CREATE INDEX conversation_needs ON conversation (due_at) WHERE needs')
    db.execute_sql('CREATE UNIQUE INDEX route_current ON route (channel, place) WHERE current')
    db.execute_sql("CREATE UNIQUE INDEX message_one_answer ON message (turn) WHERE author = 'ai'")
