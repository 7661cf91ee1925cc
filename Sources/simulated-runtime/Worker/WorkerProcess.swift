import ControlProtocol
import Foundation
import NIOCore
import NIOPosix

/// A worker: listens for the executor that its controller leases it to, and does its rank's part of that one's engine.
actor WorkerProcess: Duty {
    private typealias Connection = NIOAsyncChannel<WorkerMessage, WorkerMessage>

    /// Whoever connects has to attach within this.
    private static let attachPatience = TimeAmount.seconds(10)

    private let device: String
    private let hangsOnLease: Bool
    private let behaviour: RuntimeBehaviour
    private let vitals = Vitals()
    private var state = WorkerState()
    private var listening: Task<Void, Never>?
    /// The executor's connection, and what is being done for it.
    private var attached: (any Channel)?
    private var work: Task<WorkerMessage, Never>?
    private var rank = WorkerRank()

    /// - Parameter hangsOnLease: it never answers `lease`.
    init(device: String, hangsOnLease: Bool, behaviour: RuntimeBehaviour) {
        self.device = device
        self.hangsOnLease = hangsOnLease
        self.behaviour = behaviour
    }

    /// Listens from now on to the end of the process, on an event loop of its own. A file that is left there is replaced.
    func listen(on path: String) async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup(numberOfThreads: 1))
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addJSONFrames(of: WorkerMessage.self)
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
        guard chmod(path, 0o600) == 0 else { throw ArgumentError(message: "\(path): \(errnoText(errno))") }
        listening = Task { await accept(listener) }
    }

    func situation() -> Situation {
        let lease = state.lease
        return Situation(
            state: lease == nil ? .idle : .assigned, device: device, engine: lease?.engine,
            generation: lease?.generation,
            reset: behaviour.resetTolerance.map { WireReset(toleranceBytes: $0) })
    }

    func progress() -> Int {
        vitals.progress
    }

    func privateBytes() -> Int? {
        behaviour.memoryIsUnknown ? nil : PrivateMemory.bytes()
    }

    func cacheBytes() -> Int {
        vitals.cacheBytes
    }

    func answer(_ request: ControlMessage) -> Response {
        switch request {
        case .lease where hangsOnLease: return .later { nil }
        case .lease(let request):
            if let reason = state.take(request) { return .failed(request.id, reason) }
            return .now(.accepted(Accepted(re: request.id)))
        case .reset(let request): return reset(request)
        default: return .notTaken
        }
    }

    func prepareToStop() {}

    private func reset(_ request: Reset) -> Response {
        if rank.hangsOnReset { return .later { nil } }
        switch state.beginReset(request.generation) {
        case .nothingToDo: return .now(.done(Done(re: request.id)))
        case .refuse(let reason): return .failed(request.id, reason)
        case .begin:
            return .later {
                do {
                    try await self.letGo()
                    return .done(Done(re: request.id))
                } catch {
                    return .failed(Failed(re: request.id, reason: "\(error)"))
                }
            }
        }
    }

    /// Ends what is going on for the executor, and drops what there is of its engine.
    private func letGo() async throws {
        attached?.close(promise: nil)
        attached = nil
        work?.cancel()
        _ = await work?.value
        do {
            try await rank.letGo(vitals)
        } catch {
            state.endReset(isClean: false)
            throw error
        }
        rank = WorkerRank()
        state.endReset(isClean: true)
    }

    private func accept(_ listener: NIOAsyncChannel<Connection, Never>) async {
        do {
            try await listener.executeThenClose { connections in
                try await withThrowingDiscardingTaskGroup { tasks in
                    for try await connection in connections { tasks.addTask { await self.serve(connection) } }
                }
            }
        } catch {
            log("the worker's socket broke: ending", ["error": "\(error)"])
            endProcess(.failed)
        }
    }

    private func serve(_ connection: Connection) async {
        do {
            let peer = try await PeerCredentials.of(connection.channel)
            try await connection.executeThenClose { inbound, outbound in
                let impatience = connection.channel.eventLoop.scheduleTask(in: Self.attachPatience) {
                    connection.channel.close(promise: nil)
                }
                var messages = inbound.makeAsyncIterator()
                let first = try await messages.next()
                impatience.cancel()
                guard let first else { return }
                if let reason = attach(first, peer, connection.channel) {
                    return try await outbound.write(.refused(reason: reason))
                }
                try await outbound.write(.attached)
                while let message = try await messages.next() {
                    guard attached === connection.channel else { return }
                    try await outbound.write(await carryOut(message))
                }
            }
        } catch {
            log("an executor's connection ended", ["error": "\(error)"])
        }
        // What it had stays until the reset.
        if attached === connection.channel { attached = nil }
    }

    /// - Returns: why not; nil if the executor is attached now.
    private func attach(_ message: WorkerMessage, _ peer: PeerCredentials, _ channel: any Channel) -> String? {
        guard case .attach(let engine, let generation, let number) = message else { return "'attach' comes first" }
        if let reason = state.attach(engine: engine, generation: generation, by: peer) { return reason }
        attached = channel
        rank.number = number
        return nil
    }

    private func carryOut(_ message: WorkerMessage) async -> WorkerMessage {
        let work: Task<WorkerMessage, Never>
        switch message {
        case .stage(let stage, let arguments, let worldSize):
            work = Task { await run(stage, arguments, worldSize) }
        case .step:
            work = Task {
                rank.step(vitals)
                return .done
            }
        default: return .failed(reason: "an attached worker takes only 'stage' and 'step'")
        }
        self.work = work
        return await work.value
    }

    private func run(_ stage: StartStage, _ arguments: [String: JSONValue], _ worldSize: Int) async -> WorkerMessage {
        do {
            rank.worldSize = worldSize
            rank.arguments = try SimulatedArguments(arguments)
            let (present, vitals) = (rank, vitals)
            var stages = Stages(role: .worker, misbehaves: present.isLast, vitals: vitals) { _, _ in }
            _ = try await stages.configure(arguments, isReported: false)
            try await stages.run(stage) { try await self.own(present.memory(for: stage, vitals)) }
            return .done
        } catch {
            return .failed(reason: "\(error)")
        }
    }

    private func own(_ memory: OwnedMemory) {
        rank.memory.append(memory)
    }
}
