import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Scheduling
import Synchronization

/// The one public HTTP address: relays requests for models to their engines, and everything else to the management app.
///
/// Every connection lives on one event loop, with the connections to the upstreams that it uses. A loop knows the routes
/// from the last snapshot that was published; a request that it cannot send on with that waits with the broker.
public final class Gateway: RoutePublisher, Sendable {
    private let configuration: GatewayConfiguration
    private let group: MultiThreadedEventLoopGroup
    private let loops: [NIOLoopBoundBox<LoopState>]
    private let listener = Mutex<(any Channel)?>(nil)

    /// - Parameter group: its loops carry the connections; it must outlive `close()`.
    public init(
        configuration: GatewayConfiguration, broker: any RequestBroker, group: MultiThreadedEventLoopGroup,
        logger: Logger
    ) {
        self.configuration = configuration
        self.group = group
        let bufferedBytes = BufferedBytes(limit: configuration.bufferedBytesLimit)
        loops = group.makeIterator().map { eventLoop in
            NIOLoopBoundBox.makeBoxSendingValue(
                LoopState(
                    eventLoop: eventLoop, configuration: configuration, broker: broker, bufferedBytes: bufferedBytes,
                    logger: logger),
                eventLoop: eventLoop)
        }
    }

    /// Starts to listen.
    ///
    /// - Returns: the port, which is the configured one unless that is 0.
    /// - Throws: `ControllerError` where the address cannot be had.
    public func start() async throws -> Int {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { [loops] channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let loop = loops.first(where: { $0.eventLoop === channel.eventLoop })?.value else {
                        throw ControllerError(
                            .internal, "A connection came on an event loop that is not the gateway's.")
                    }
                    try ClientHandler.install(in: channel, loop: loop)
                }
            }
        let (host, port) = (configuration.host, configuration.port)
        do {
            let channel = try await bootstrap.bind(host: host, port: port).get()
            listener.withLock { $0 = channel }
            return channel.localAddress?.port ?? port
        } catch {
            throw ControllerError(
                .conflict,
                "Cannot listen on \(host):\(port) (\(error)). End the program that uses it, or choose another 'listen'."
            )
        }
    }

    /// Gives the routes to every event loop. Calls take effect in their order.
    public func publish(_ snapshot: RouteSnapshot) {
        for loop in loops {
            loop.eventLoop.execute { loop.value.publish(snapshot) }
        }
    }

    /// Takes no more connections and ends the idle ones. Requests that are here already are answered; then their
    /// connections end.
    public func stopAccepting() async {
        let channel = listener.withLock { $0.take() }
        // Closing fails only where it is closed already.
        try? await channel?.close().get()
        for loop in loops {
            try? await loop.eventLoop.submit { loop.value.stopAccepting() }.get()
        }
    }

    /// Ends everything that is left, answered or not, and waits until it has ended.
    public func close() async {
        await stopAccepting()
        for loop in loops {
            // The submission fails only where the loop has ended, and its channels with it.
            let waiting = try? await loop.eventLoop.flatSubmit { loop.value.close() }.get()
            for task in waiting ?? [] { await task.value }
            // What the tasks brought back to the loop is put away before we say that all has ended.
            try? await loop.eventLoop.submit {}.get()
        }
    }
}
