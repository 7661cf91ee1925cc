import CPlatform
import ControlProtocol
import Foundation
import Logging
import NIOCore
import Scheduling

/// Starts, watches, talks to and ends processes. Decides nothing: the decision core says what is to be.
public actor ProcessSupervisor {
    public typealias Report = @Sendable (SupervisionEvent) async -> Void

    let directory: RunDirectory
    let epoch: Int
    let orphanTimeout: Duration
    let logBytes: Int
    let runtimes: [RuntimeName: RuntimeProgram]
    let jobs: JobRunner
    let logger: Logger
    /// How long a process may take to answer.
    let answerLimit: Duration
    let pulse: Pulse
    private let server: ControlServer
    private var report: Report?
    var processes: [ProcessID: SupervisedProcess] = [:]
    var executors: [ExecutorID: SupervisedExecutor] = [:]
    var lastExecutor: UInt64 = 0
    private var endedBeforeEntered: Set<ProcessID> = []
    /// Logs of processes that are gone, oldest first.
    private var oldLogs: [String] = []
    private static let logsKept = 256

    public init(
        directory: RunDirectory, epoch: Int, orphanTimeout: Duration, logBytes: Int,
        runtimes: [RuntimeName: RuntimeProgram], answerLimit: Duration = .seconds(10), pulse: Pulse = Pulse(),
        group: any EventLoopGroup, jobs: JobRunner, logger: Logger
    ) {
        self.directory = directory
        self.epoch = epoch
        self.orphanTimeout = orphanTimeout
        self.logBytes = logBytes
        self.runtimes = runtimes
        self.jobs = jobs
        self.logger = logger
        self.answerLimit = answerLimit
        self.pulse = pulse
        server = ControlServer(path: directory.controlSocket, group: group, logger: logger)
    }

    /// Serves the control socket until the task is cancelled.
    ///
    /// - Parameters:
    ///   - report: called for everything that happens, one after another for each process.
    ///   - workersAtWork: names the workers that are asked for signs of life.
    ///   - started: called when processes can dial in.
    public func run(
        report: @escaping Report, workersAtWork: @escaping @Sendable () async -> [ProcessID],
        started: @Sendable () async -> Void
    ) async throws {
        self.report = report
        // Orphans of a zygote that died become ours, so that they are reaped.
        _ = wc_become_subreaper()
        let listener = try await server.bind()
        await started()
        try await withThrowingTaskGroup { group in
            group.addTask { try await self.server.serve(listener, self) }
            group.addTask { try await self.limitLogs() }
            group.addTask { try await self.takePulses(of: workersAtWork) }
            try await group.waitForAll()
        }
    }

    func tell(_ event: SupervisionEvent) async {
        await report?(event)
    }

    // MARK: Making processes

    public func startZygote(_ id: ProcessID, _ runtime: RuntimeName) async {
        do {
            enter(id, .zygote, runtime)
            guard let program = runtimes[runtime] else { throw ControllerError(.internal, "No runtime '\(runtime)'.") }
            let log = directory.log(of: id)
            let arguments = [
                "--control", directory.controlSocket, "--process", id.description, "--runtime", runtime.description,
                "--epoch", String(epoch), "--orphan-timeout-ms", String(Int(orphanTimeout.milliseconds)),
            ]
            let watch = try Spawn.start(program.command + arguments, environment: program.environment, log: log)
            logger.info(
                "zygote started", metadata: ["process.id": "\(id)", "runtime": "\(runtime)", "pid": "\(watch.pid)"])
            adopt(watch, as: id)
        } catch {
            await neverWas(id, error)
        }
    }

    /// - Parameter source: a zygote or a template.
    public func fork(
        _ id: ProcessID, _ role: ProcessRole, from source: ProcessID, _ runtime: RuntimeName,
        _ device: DeviceSpecification
    ) async {
        let sourceRole = processes[source]?.role.rawValue ?? "process"
        do {
            enter(id, role, runtime)
            processes[id]?.place = device
            guard let connection = processes[source]?.connection else {
                throw ControllerError(
                    .startFailed, "The \(sourceRole) \(source) of runtime '\(runtime)' is not connected.")
            }
            let answer = try await connection.request(within: answerLimit) { number, deadline in
                .fork(
                    Fork(
                        id: number, deadlineMilliseconds: deadline, process: id.description,
                        role: WireRole(role), device: device.id.description, cores: device.cores,
                        log: directory.log(of: id),
                        temporaryDirectory: directory.temporaryDirectory(of: id, epoch: epoch),
                        socket: role == .worker ? directory.workerSocket(of: id) : nil))
            }
            guard case .forked(let forked) = answer else {
                throw ControllerError(
                    .startFailed, "The \(sourceRole) \(source) answered a fork with something else.")
            }
            // It may have dialled in, or even ended, before this answer was read.
            guard let process = processes[id], process.watch == nil else { return }
            guard let watch = ProcessWatch.open(pid: forked.pid) else {
                throw ControllerError(.startFailed, "The process was gone as soon as it was forked; see its log.")
            }
            adopt(watch, as: id)
        } catch {
            if (error as? ControllerError)?.code == .deadlinePassed {
                // One that does not answer is of no use; its children live on, and another one is made.
                logger.error("\(sourceRole) does not answer", metadata: ["process.id": "\(source)"])
                processes[source]?.watch?.kill()
            }
            await neverWas(id, error)
        }
    }

    /// Enters it into the table and, before it can leave anything behind, into the records.
    private func enter(_ id: ProcessID, _ role: ProcessRole, _ runtime: RuntimeName) {
        var names = role == .zygote ? [] : [directory.temporaryDirectory(of: id, epoch: epoch)]
        if role == .worker { names.append(directory.workerSocket(of: id)) }
        let record = ProcessRecordFile(
            process: id.description, role: role.rawValue, pid: nil, startTime: nil, names: names)
        processes[id] = SupervisedProcess(
            id: id, role: role, runtime: runtime, log: directory.log(of: id), record: record)
        writeRecord(of: id)
        if endedBeforeEntered.remove(id) != nil { processes[id]?.mustEnd = true }
    }

    /// From now on its end is noticed.
    func adopt(_ watch: ProcessWatch, as id: ProcessID) {
        guard processes[id] != nil else { return }
        processes[id]?.watch = watch
        processes[id]?.record.pid = watch.pid
        processes[id]?.record.startTime = watch.startTime
        writeRecord(of: id)
        if processes[id]?.mustEnd == true { watch.kill() }
        jobs.start { await self.awaitEnd(of: id, watch) }
    }

    func writeRecord(of id: ProcessID) {
        do {
            try processes[id]?.record.write(in: directory)
        } catch {
            // A full disk must not stop serving or loading; only the next controller's sweep knows less.
            logger.error("process record not written", metadata: ["process.id": "\(id)", "error": "\(error)"])
        }
    }

    /// It could not be made.
    private func neverWas(_ id: ProcessID, _ error: any Error) async {
        let reason = (error as? ControllerError)?.message ?? "\(error)"
        logger.error("process not started", metadata: ["process.id": "\(id)", "reason": "\(reason)"])
        // One whose pid is known is reported gone when it is.
        guard let process = processes[id], process.watch == nil else { return }
        forget(process)
        await tell(.processGone(id, reason: reason))
    }

    // MARK: Ending processes

    /// Ends the process: a zygote is asked to, so that it reaps what it forked; others have nothing to lose.
    public func end(_ id: ProcessID) async {
        guard let process = processes[id] else {
            // The job that makes it has not begun yet. (One that is gone has been reported, and is not ended any more.)
            endedBeforeEntered.insert(id)
            return
        }
        processes[id]?.mustEnd = true
        if process.role == .zygote, let connection = process.connection {
            _ = try? await connection.request(within: .seconds(5)) { .stop(Stop(id: $0, deadlineMilliseconds: $1)) }
            if await process.gone.wait(atMost: .seconds(2)) { return }
        }
        process.watch?.kill()
    }

    /// Kills everything at once, whatever it is doing.
    public func killAll() {
        for process in processes.values { process.watch?.kill() }
    }

    private func awaitEnd(of id: ProcessID, _ watch: ProcessWatch) async {
        // Cancelled, the controller ends before the process, whose record is for the next one then.
        guard await watch.waitForEnd(), let process = processes[id] else { return }
        await tell(.processEnded(id))
        // What it said last may still be on its way, and may say why it ended.
        if process.connection != nil { await process.connectionEnd.wait(atMost: .seconds(1)) }
        var exit = watch.reap()
        if exit == nil {
            await process.exitReported.wait(atMost: .milliseconds(200))
            exit = processes[id]?.exit
        }
        // It ended because the other process did, or a worker: that one's reason comes first.
        if exit == ProcessWatch.endedAfterPeer, let peer = processes[id]?.peer {
            await processes[peer]?.gone.wait(atMost: .seconds(1))
        }
        await awaitReasons(of: processes[id]?.workers ?? [])
        let reason = "its \(process.name) \(process.killedBecause ?? exit ?? "ended")"
        logger.log(
            level: process.mustEnd ? .debug : .warning, "process gone",
            metadata: ["process.id": "\(id)", "reason": "\(reason)", "log": "\(process.log)"])
        forget(process)
        await tell(.processGone(id, reason: reason))
        await process.gone.happen()
    }

    /// Removes what it left behind.
    private func forget(_ process: SupervisedProcess) {
        let record = processes.removeValue(forKey: process.id)?.record ?? process.record
        oldLogs.append(process.log)
        if oldLogs.count > Self.logsKept {
            let oldest = oldLogs.removeFirst()
            for file in [oldest, oldest + ".1"] { unlink(file) }
        }
        do {
            try record.sweep(in: directory)
        } catch {
            logger.error(
                "leftovers not removed", metadata: ["process.id": "\(process.id)", "error": "\(error)"])
        }
    }

    // MARK: Looking at processes

    public func snapshot(of id: ProcessID) -> ProcessSnapshot? { processes[id].map(ProcessSnapshot.init) }

    public func snapshots() -> [ProcessID: ProcessSnapshot] { processes.mapValues(ProcessSnapshot.init) }

    /// The pids whose ends are noticed here.
    public var watchedPids: Set<Int> { Set(processes.values.compactMap { $0.watch?.pid }) }

    private func limitLogs() async throws {
        while true {
            try await Task.sleep(for: .seconds(1))
            for process in processes.values { LogFile.limit(process.log, bytes: logBytes) }
        }
    }
}
