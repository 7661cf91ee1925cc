import ControlProtocol
import Foundation
import NIOCore
import NIOPosix

/// A process's control connection: dials, says hello, answers, and dials again when the connection ends.
///
/// It has an event loop of its own, so that it answers whatever else the process does.
actor ControlLink {
    struct Identity: Sendable {
        let dial: DialOptions
        let role: WireRole
        let helloVersion: Int
    }

    private static let redialPause = Duration.milliseconds(250)
    /// A controller that takes the connection and does not answer `hello` within this time is as good as none.
    private static let welcomePatience = Duration.seconds(5)
    /// Events kept while no controller is there; the oldest are dropped.
    private static let maximumUnsent = 1024

    private let identity: Identity
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private(set) var orphanTimeout: Duration
    private var aloneSince = ContinuousClock.now
    private var hellos = 0
    /// The connection on which `welcome` came.
    private var welcomed: (any Channel)?
    private var unsent: [ControlMessage] = []
    private var draining: Task<Void, Never>?
    /// What is being done for answers that come later.
    private var answering: [Int: Task<Void, Never>] = [:]
    private var lastAnswering = 0

    init(identity: Identity) {
        self.identity = identity
        orphanTimeout = .milliseconds(identity.dial.orphanTimeoutMilliseconds)
    }

    /// Keeps the connection until the process is to end.
    func run(serving duty: some Duty) async -> ProcessEnd {
        while true {
            if let end = await serveOneConnection(duty) { return end }
            let left = aloneSince + orphanTimeout - .now
            guard left > .zero else {
                log("no controller for too long: ending", ["timeout": "\(orphanTimeout)"])
                return .orphaned
            }
            try? await Task.sleep(for: min(left, Self.redialPause))
        }
    }

    /// Sends a message. `stage`, `prepared` and `exited` wait while no controller is there; everything else belongs to its connection.
    /// Returns when it is written, or kept, or dropped.
    func send(_ message: ControlMessage) async {
        guard welcomed != nil || message.isEvent else { return }
        if unsent.count >= Self.maximumUnsent { unsent.removeFirst() }
        unsent.append(message)
        await drain()
    }

    private func serveOneConnection(_ duty: some Duty) async -> ProcessEnd? {
        guard let connection = try? await connect() else { return nil }
        defer { lost(connection.channel) }
        do {
            return try await connection.executeThenClose { inbound, _ in
                try await connection.channel.writeAndFlush(await hello(duty))
                let patience = max(.zero, min(Self.welcomePatience, aloneSince + orphanTimeout - .now))
                let impatience = connection.channel.eventLoop.scheduleTask(in: TimeAmount(patience)) {
                    connection.channel.close(promise: nil)
                }
                defer { impatience.cancel() }
                for try await frame in inbound {
                    if case .message(.welcome(let welcome)) = frame {
                        impatience.cancel()
                        orphanTimeout = .milliseconds(welcome.orphanTimeoutMilliseconds)
                        welcomed = connection.channel
                        await drain()
                    } else if let end = await handle(frame, duty, connection.channel) {
                        return end
                    }
                }
                return nil
            }
        } catch {
            log("the control connection ended", ["error": "\(error)"])
            return nil
        }
    }

    private func connect() async throws -> NIOAsyncChannel<IncomingFrame, ControlMessage> {
        try await ClientBootstrap(group: group).connect(unixDomainSocketPath: identity.dial.control) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandlers([
                    ByteToMessageHandler(FrameDecoder()), MessageToByteHandler(FrameEncoder()),
                ])
                return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
            }
        }
    }

    private func hello(_ duty: some Duty) async -> ControlMessage {
        hellos += 1
        let situation = await duty.situation()
        return .hello(
            Hello(
                id: hellos, version: identity.helloVersion, epoch: identity.dial.epoch,
                process: identity.dial.process, role: identity.role, pid: Int(getpid()),
                runtime: identity.dial.runtime, state: situation.state,
                device: situation.device, engine: situation.engine, generation: situation.generation,
                versions: situation.versions, reset: situation.reset))
    }

    /// Does what a frame wants; not nil if the process is to end.
    private func handle(_ frame: IncomingFrame, _ duty: some Duty, _ channel: any Channel) async -> ProcessEnd? {
        guard case .message(let message) = frame else {
            if let refusal = frame.refusal { await send(refusal) }
            return nil
        }
        switch message {
        case .refused(let refused):
            log("refused by the controller: ending", ["reason": refused.reason])
            return .refused
        case .stop(let stop):
            await duty.prepareToStop()
            await send(.done(Done(re: stop.id)))
            return .stopped
        case .ping(let ping):
            let pong = Pong(
                re: ping.id, progress: await duty.progress(),
                privateBytes: ping.asksForMemory ? await duty.privateBytes() : nil,
                cacheBytes: ping.asksForMemory ? await duty.cacheBytes() : 0)
            await send(.pong(pong))
        case .error(let error):
            log("the controller did not understand", ["reason": error.reason])
        default:
            switch await duty.answer(message) {
            case .now(let answer): await send(answer)
            case .nowAndBegin(let answer, let begin):
                await send(answer)
                await begin()
            case .later(let work): answerLater(work, on: channel)
            case .notTaken:
                let reason = "a \(identity.role.rawValue) does not take this message"
                await send(.error(ProtocolError(re: message.requestID, reason: reason)))
            }
        }
        return nil
    }

    /// Does the work to its end, whatever becomes of the connection; its answer belongs to this connection only.
    private func answerLater(_ work: @escaping @Sendable () async -> ControlMessage?, on channel: any Channel) {
        lastAnswering += 1
        let number = lastAnswering
        answering[number] = Task {
            if let answer = await work(), welcomed === channel { await send(answer) }
            answering[number] = nil
        }
    }

    private func lost(_ channel: any Channel) {
        guard welcomed === channel else { return }
        welcomed = nil
        aloneSince = .now
        unsent.removeAll { !$0.isEvent }
    }

    /// Writes what is waiting, one caller at a time; the others wait for that one, which takes theirs too.
    private func drain() async {
        if let draining { return await draining.value }
        let task = Task {
            while let channel = welcomed, !unsent.isEmpty {
                let message = unsent.removeFirst()
                do {
                    try await channel.writeAndFlush(message)
                } catch {
                    // An event is told to the next controller; an answer dies with who asked.
                    if message.isEvent { unsent.insert(message, at: 0) }
                    if welcomed === channel { break }
                }
            }
            draining = nil
        }
        draining = task
        await task.value
    }
}

extension ControlMessage {
    /// Whether the message is of use to a later controller too.
    fileprivate var isEvent: Bool {
        switch self {
        case .stage, .prepared, .exited: true
        default: false
        }
    }

    /// The number of a request that the controller sent.
    fileprivate var requestID: Int? {
        switch self {
        case .hello(let message): message.id
        case .fork(let message): message.id
        case .assign(let message): message.id
        case .prepare(let message): message.id
        case .sleep(let message): message.id
        case .wake(let message): message.id
        case .park(let message): message.id
        case .unpark(let message): message.id
        case .lease(let message): message.id
        case .reset(let message): message.id
        default: nil
        }
    }
}
