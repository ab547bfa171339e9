"""
The echo as a C{twistd} application.  Here: C{twistd -n --python server.tac}.
"""

from echo import Echo
from twisted.application.service import Application
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString

from wsagent import Settings, WebSocketServerFactory, WebSocketService

factory = WebSocketServerFactory.forProtocol(Echo, settings=Settings(pingInterval=30))
endpoint = serverFromString(reactor, "tcp:8001:interface=127.0.0.1")

application = Application("echo")
WebSocketService(factory, [endpoint]).setServiceParent(application)
