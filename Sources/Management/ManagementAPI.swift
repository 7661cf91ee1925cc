import Foundation
import Hummingbird
import Logging
import Scheduling
import ServiceLifecycle

/// The management API: what can be seen and asked of the controller besides requests to models, as JSON over HTTP on a
/// Unix socket. The gateway relays to it like to any upstream, and has done all checks of who may ask.
public struct ManagementAPI: Service {
    private let application: Application<RouterResponder<BasicRequestContext>>
    private let socketPath: String

    /// - Parameters:
    ///   - publicAddress: where clients reach the gateway, for the `api_url` and `port` of engines; asked anew for each
    ///     answer, because a port that the system chooses is known late.
    ///   - socketPath: the Unix socket, made with mode 0600 in a folder that exists; one left over there is replaced.
    ///   - heartbeat: how often something is written to those who follow the events, even if nothing happens.
    ///   - onListening: called once when the socket takes connections.
    public init(
        controller: any ControllerManaging, publicAddress: @escaping @Sendable () -> PublicAddress,
        socketPath: String, heartbeat: Duration = .seconds(10), logger: Logger,
        onListening: @escaping @Sendable () async -> Void = {}
    ) {
        self.socketPath = socketPath
        let router = Router(options: .autoGenerateHeadEndpoints)
        router.add(middleware: ErrorAnswers())
        router.add(middleware: BodyLimit())
        let slots = WorkerSlotBook()
        let engines = EngineDescriber(publicAddress: publicAddress, slots: slots)
        StatusRoutes(controller: controller, slots: slots).add(to: router)
        EngineRoutes(controller: controller, engines: engines).add(to: router)
        ModelRoutes(controller: controller).add(to: router)
        CommandRoutes(controller: controller, engines: engines).add(to: router)
        TelemetryRoutes(controller: controller, heartbeat: heartbeat).add(to: router)
        application = Application(
            router: router, configuration: ApplicationConfiguration(address: .unixDomainSocket(path: socketPath)),
            onServerRunning: { channel in
                // The folder keeps others out until here. Without the mode, nothing is served: run() then returns.
                guard chmod(socketPath, 0o600) == 0 else {
                    logger.error(
                        "Cannot restrict the management socket to its owner; check the run directory's file system",
                        metadata: ["path": "\(socketPath)", "errno": "\(errno)"])
                    try? await channel.close()
                    return
                }
                await onListening()
            }, logger: logger)
    }

    /// Serves until the task is cancelled or a graceful shutdown is asked for. After the latter, requests that came before
    /// it are still answered.
    ///
    /// - Throws: when the socket cannot be made.
    public func run() async throws {
        defer { unlink(socketPath) }
        try await application.run()
    }
}
