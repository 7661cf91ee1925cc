import Logging
import NIOCore
import Scheduling

/// Everything that one event loop knows. Used on that loop only.
final class LoopState {
    let eventLoop: any EventLoop
    let configuration: GatewayConfiguration
    let broker: any RequestBroker
    let bufferedBytes: BufferedBytes
    let logger: Logger
    let pool: UpstreamPool
    private(set) var snapshot = RouteSnapshot()
    private(set) var isDraining = false
    private var clients: [ObjectIdentifier: ClientHandler] = [:]
    private var waiting: [ObjectIdentifier: Task<Void, Never>] = [:]

    init(
        eventLoop: any EventLoop, configuration: GatewayConfiguration, broker: any RequestBroker,
        bufferedBytes: BufferedBytes, logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.configuration = configuration
        self.broker = broker
        self.bufferedBytes = bufferedBytes
        self.logger = logger
        pool = UpstreamPool(eventLoop: eventLoop)
    }

    func publish(_ snapshot: RouteSnapshot) {
        self.snapshot = snapshot
        pool.keepOnly(Set(snapshot.models.values.flatMap { $0.engines.map(UpstreamAddress.init) }))
    }

    /// False while draining: then the connection came too late.
    func add(_ client: ClientHandler) -> Bool {
        guard !isDraining else { return false }
        clients[ObjectIdentifier(client)] = client
        return true
    }

    func remove(_ client: ClientHandler) { clients[ObjectIdentifier(client)] = nil }

    /// Remembers who waits for the broker, until `stopWaiting`.
    func startWaiting(_ exchange: Exchange, _ task: Task<Void, Never>) { waiting[ObjectIdentifier(exchange)] = task }

    func stopWaiting(_ exchange: Exchange) { waiting[ObjectIdentifier(exchange)] = nil }

    func stopAccepting() {
        isDraining = true
        for client in clients.values { client.drain() }
    }

    /// Ends all connections.
    /// - Returns: when they have ended, the tasks that wait for the broker still; they are cancelled.
    func close() -> EventLoopFuture<[Task<Void, Never>]> {
        let tasks = Array(waiting.values)
        let ends = clients.values.compactMap { $0.channel?.closeFuture }
        for client in clients.values { client.channel?.close(promise: nil) }
        return EventLoopFuture.andAllComplete(ends, on: eventLoop)
            .assumeIsolated().flatMap { self.pool.close() }.nonisolated()
            .map { tasks }
    }
}
