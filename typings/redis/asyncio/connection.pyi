from redis.asyncio.retry import Retry

class Connection: ...
class SSLConnection(Connection): ...

class BlockingConnectionPool:
    def __init__(
        self,
        max_connections: int,
        timeout: float,
        connection_class: type[Connection],
        *,
        host: str,
        port: int,
        db: int,
        username: str | None,
        password: str | None,
        protocol: int,
        retry: Retry,
        socket_connect_timeout: float,
        socket_timeout: float | None,
    ) -> None: ...
    async def disconnect(self, inuse_connections: bool = True) -> None: ...
