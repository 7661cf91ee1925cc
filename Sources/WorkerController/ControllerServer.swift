import CPlatform
import ControllerConfiguration
import Foundation
import Gateway
import Logging
import Management
import NIOCore
import NIOPosix
import Scheduling
import ServiceLifecycle
import Supervision
import UnixSignals

/// Puts the parts together and runs them until a signal ends it.
public struct ControllerServer: Sendable {
    /// Shown to users.
    public static let version = "0.1.0"

    private let configuration: Configuration
    private let logger: Logger

    public init(configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Serves until SIGTERM or SIGINT has drained and ended everything; a second signal ends it at once.
    public func run() async throws {
        wc_ignore_sigpipe()
        raiseDescriptorLimit()
        let directory = RunDirectory(path: configuration.runDirectory)
        let lock = try directory.open()
        defer { withExtendedLifetime(lock) {} }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        do {
            try await run(in: directory, on: group)
            await endOrphans(in: directory)
            try await group.shutdownGracefully()
        } catch {
            await endOrphans(in: directory)
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Processes that nobody was told of have folders that no record names.
    private func endOrphans(in directory: RunDirectory) async {
        await OrphanReaper.endOrphans(logger: logger)
        directory.removeProcessFiles(logger: logger)
    }

    private func run(in directory: RunDirectory, on group: MultiThreadedEventLoopGroup) async throws {
        let epoch = try Epoch.next(in: directory)
        let devices = try Devices.find(configuration.devices)
        let catalog = ModelCatalog(configuration, devices: devices)
        let jobs = JobRunner(logger: logger)
        let supervisor = ProcessSupervisor(
            directory: directory, epoch: epoch, orphanTimeout: configuration.orphanTimeout,
            logBytes: configuration.logs.bytesPerProcess,
            runtimes: Dictionary(
                uniqueKeysWithValues: configuration.runtimes.map {
                    (RuntimeName($0.name), RuntimeProgram(command: $0.command, environment: $0.environment))
                }), group: group, jobs: jobs, logger: logger)
        try await supervisor.sweepSurvivors()
        let controller = WorkerController(
            scheduler: Scheduler(
                epoch: epoch, limits: limits, devices: devices, models: catalog.specifications,
                runtimes: configuration.runtimes.map { RuntimeName($0.name) }),
            catalog: catalog, supervisor: supervisor, directory: directory, jobs: jobs, logger: logger)
        let gateway = Gateway(
            configuration: GatewayConfiguration(
                host: configuration.listen.host, port: configuration.listen.port,
                managementSocketPath: directory.managementSocket, bodyLimit: configuration.limits.body,
                bufferedBytesLimit: configuration.limits.queueBytes), broker: controller, group: group, logger: logger)
        await controller.publish(to: gateway)
        let port = try await gateway.start()
        let address = PublicAddress(host: configuration.listen.host, port: port)
        let listen = ListenAddress(host: address.host, port: port)
        let models = configuration.models.map(\.name).joined(separator: ", ")
        let management = ManagementAPI(
            controller: controller, publicAddress: { address }, socketPath: directory.managementSocket, logger: logger
        ) {
            logger.notice(
                "listening", metadata: ["address": "http://\(listen)", "epoch": "\(epoch)", "models": "\(models)"])
        }
        try await serve(controller, supervisor, gateway, management, jobs)
        logger.notice("stopped")
    }

    /// Every client and every process holds descriptors, and the soft limit is often only 1024.
    private func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 {
            logger.warning("the limit of open files stays as it is", metadata: ["errno": "\(errno)"])
        }
    }

    private var limits: SchedulingLimits {
        SchedulingLimits(
            queue: configuration.limits.queue, queueBytes: configuration.limits.queueBytes,
            queueTimeout: configuration.scheduling.queueTimeout,
            minimumResidency: configuration.scheduling.minimumResidency,
            idleWorkers: configuration.pool.idleWorkers)
    }

    /// Whichever part ends first ends the others; in a normal life that is the one that waits for signals.
    private func serve(
        _ controller: WorkerController, _ supervisor: ProcessSupervisor, _ gateway: Gateway,
        _ management: ManagementAPI, _ jobs: JobRunner
    ) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let managementService = ServiceGroup(services: [management], logger: logger)
        let managementEnd = OneShot()
        do {
            try await withThrowingTaskGroup { group in
                group.addTask { await jobs.run() }
                group.addTask {
                    try await supervisor.run(
                        report: { await controller.handle($0) }, workersAtWork: { await controller.workersAtWork },
                        started: { await controller.start() })
                }
                group.addTask {
                    try await managementService.run()
                    await managementEnd.happen()
                }
                group.addTask { await controller.waitUntilFinished() }
                group.addTask { await OrphanReaper(supervisor: supervisor).run() }
                group.addTask {
                    await Self.obey(signals, controller, supervisor, gateway, jobs, logger)
                }
                defer { group.cancelAll() }
                do {
                    try await group.next()
                } catch {
                    // Nothing that the others wait for will come any more.
                    await supervisor.killAll()
                    await controller.abort()
                    throw error
                }
                // Management first, so that who follows the events sees their end.
                controller.eventFeed.close()
                await managementService.triggerGracefulShutdown()
                await managementEnd.wait(atMost: .seconds(2))
                await gateway.close()
            }
        } catch {
            // What the processes left is swept by the next start.
            await gateway.close()
            throw error
        }
    }

    /// Longer than any drain takes; what is then left is stuck.
    private static let shutdownLimit = Duration.seconds(90)

    /// The first signal drains, the second kills. Returns when what was killed should long be gone.
    private static func obey(
        _ signals: UnixSignalsSequence, _ controller: WorkerController, _ supervisor: ProcessSupervisor,
        _ gateway: Gateway, _ jobs: JobRunner, _ logger: Logger
    ) async {
        var isDraining = false
        for await _ in signals {
            if isDraining {
                logger.warning("ending everything at once")
                await supervisor.killAll()
                try? await Task.sleep(for: .seconds(5))
                return
            }
            isDraining = true
            logger.notice("draining; a second signal ends everything at once")
            jobs.start {
                guard (try? await Task.sleep(for: shutdownLimit)) != nil else { return }
                logger.error("not everything has ended in time; ending the rest at once")
                await supervisor.killAll()
                try? await Task.sleep(for: .seconds(5))
                await controller.finish()
            }
            await controller.shutDown()
            await gateway.stopAccepting()
        }
    }
}
