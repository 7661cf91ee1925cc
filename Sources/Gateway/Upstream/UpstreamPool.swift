import NIOCore
import NIOHTTP1
import NIOPosix

/// The connections of one event loop to its upstreams. Used on that loop only, and so without a lock.
final class UpstreamPool {
    /// Idle connections that are kept for each upstream: as many as an engine has permits unless it is told otherwise.
    /// Fewer would be made and ended all the time when that many clients are served in turns.
    private static let idleLimit = 256

    private let eventLoop: any EventLoop
    private var idle: [UpstreamAddress: [UpstreamConnection]] = [:]
    private var open: [ObjectIdentifier: UpstreamConnection] = [:]
    /// The upstreams that connections may be kept for.
    private var living: Set<UpstreamAddress> = []

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Gives a connection, an idle one if there is one: then before this call returns.
    ///
    /// - Parameter fresh: not an idle one, since one was just found to have ended.
    func connect(
        to address: UpstreamAddress, fresh: Bool,
        _ whenDone: @escaping (Result<UpstreamConnection, any Error>) -> Void
    ) {
        if !fresh, let connection = idle[address]?.popLast() { return whenDone(.success(connection)) }
        let connecting = ClientBootstrap(group: eventLoop)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { [bound = NIOLoopBound(self, eventLoop: eventLoop)] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHTTPClientHandlers(enableOutboundHeaderValidation: false)
                    try pipeline.addHandler(UpstreamConnection(address: address, pool: bound.value))
                }
            }
            .connect(unixDomainSocketPath: address.socketPath)
        connecting.assumeIsolated()
            .flatMapThrowing { try $0.pipeline.syncOperations.handler(type: UpstreamConnection.self) }
            .whenComplete(whenDone)
    }

    /// Takes a connection back, unless enough are idle or its upstream is no more.
    func keep(_ connection: UpstreamConnection) -> Bool {
        let address = connection.address
        guard address.isKept, living.contains(address), idle[address, default: []].count < Self.idleLimit else {
            return false
        }
        idle[address, default: []].append(connection)
        return true
    }

    /// Ends the idle connections to all other engines.
    func keepOnly(_ living: Set<UpstreamAddress>) {
        self.living = living
        for address in idle.keys where !living.contains(address) {
            idle.removeValue(forKey: address)?.forEach { $0.abandon() }
        }
    }

    /// Ends all connections.
    /// - Returns: done when they have ended.
    func close() -> EventLoopFuture<Void> {
        living = []
        let ends = open.values.compactMap { $0.channel?.closeFuture }
        open.values.forEach { $0.abandon() }
        return .andAllComplete(ends, on: eventLoop)
    }

    func opened(_ connection: UpstreamConnection) { open[ObjectIdentifier(connection)] = connection }

    func closed(_ connection: UpstreamConnection) {
        open[ObjectIdentifier(connection)] = nil
        idle[connection.address]?.removeAll { $0 === connection }
    }
}
