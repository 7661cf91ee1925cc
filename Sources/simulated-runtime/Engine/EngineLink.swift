import ControlProtocol
import Foundation
import NIOCore
import NIOPosix

/// What the two processes of an engine tell each other, over `input_socket`, to which the core connects when it is ready.
enum EngineMessage: Codable, Sendable {
    /// The front end took a request; sent only where the core needs to know. No answer.
    case request
    /// The core is to give its workers back.
    case park
    /// The core is to get workers, and to load the model again.
    case unpark
    case done
    case failed(reason: String)
}

enum EngineLink {
    private typealias Connection = NIOAsyncChannel<EngineMessage, EngineMessage>

    /// The core's side: connects, which says that the core is ready, and answers until the front end is gone.
    static func serve(at path: String, _ answer: @Sendable (EngineMessage) async -> EngineMessage?) async throws {
        let connection = try await connect(to: path)
        do {
            try await connection.executeThenClose { inbound, outbound in
                for try await message in inbound {
                    if let answer = await answer(message) { try await outbound.write(answer) }
                }
            }
        } catch {
            // The watch over the front end says what that means.
            log("the link to the front end broke", ["error": "\(error)"])
        }
    }

    private static func connect(to path: String) async throws -> Connection {
        // Both processes start at the same moment: the front end may not be there yet. If it never is, because it ended,
        // the watch over it ends this process too.
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                return try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .connect(unixDomainSocketPath: path) { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addJSONFrames(of: EngineMessage.self)
                            return try Connection(wrappingChannelSynchronously: channel)
                        }
                    }
            } catch {
                guard ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(2))
            }
        }
    }

    /// The front end's side; listens to the end of the process.
    final class Listener: Sendable {
        private let core = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: Exchange<EngineMessage>.self)

        func listen(on path: String) async throws {
            do {
                _ = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .childChannelInitializer { [core] channel in
                        channel.eventLoop.makeCompletedFuture {
                            let exchange = try Exchange<EngineMessage>(channel)
                            // Only then: who asks before is told that the connection is over.
                            try channel.pipeline.syncOperations.addHandler(Greeting { core.succeed(exchange) })
                        }
                    }
                    .bind(unixDomainSocketPath: path).get()
            } catch {
                core.fail(error)
                throw error
            }
        }

        /// Returns when the core has connected. If it ends before, the watch over it ends this process.
        func waitUntilReady() async throws {
            _ = try await core.futureResult.get()
        }

        /// Tells the core that a request was taken.
        func countRequest() {
            core.futureResult.whenSuccess { $0.tell(.request) }
        }

        /// Asks the core, once it is ready.
        func ask(_ message: EngineMessage) async throws -> EngineMessage {
            try await core.futureResult.get().ask(message)
        }
    }
}

/// Calls its closure once the connection is there.
private final class Greeting: ChannelInboundHandler {
    typealias InboundIn = Never

    private let body: () -> Void

    init(_ body: @escaping () -> Void) {
        self.body = body
    }

    func channelActive(context: ChannelHandlerContext) {
        body()
        context.fireChannelActive()
    }
}
