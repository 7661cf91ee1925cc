import ControlProtocol
import NIOCore
import NIOPosix

/// The control connection of a remote executor. It is dialled once: its life is its lease's life.
final class ExecutorLink: Sendable {
    /// What the controller may want of the executor.
    struct Duties: Sendable {
        let progress: @Sendable () -> Int
        /// Lets the workers of this lease go; false if it is another one's.
        let revoke: @Sendable (LeaseRevoke) async -> Bool
        /// Called when the controller was told that they are let go.
        let revoked: @Sendable () -> Void
    }

    private static let welcomePatience = Duration.seconds(5)

    private let channel: any Channel
    private let conversation: NIOLoopBound<ExecutorConversation>

    var isOpen: Bool { channel.isActive }

    /// Dials, says hello and waits for the welcome.
    static func open(_ path: String, hello: Hello, duties: Duties) async throws -> ExecutorLink {
        let link: ExecutorLink
        do {
            link = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(unixDomainSocketPath: path) { channel in
                    channel.eventLoop.makeCompletedFuture { try ExecutorLink(channel, duties) }
                }
        } catch {
            throw ExecutorError.noController(path: path, reason: "\(error)")
        }
        let answer = try await link.request(within: welcomePatience) { id, _ in
            var hello = hello
            hello.id = id
            return .hello(hello)
        }
        switch answer {
        case .welcome: return link
        case .refused(let refused): throw ExecutorError.refused(reason: refused.reason)
        default: throw ExecutorError.unexpected(answer: "\(answer)")
        }
    }

    /// To be called on the channel's event loop, before it is active.
    private init(_ channel: any Channel, _ duties: Duties) throws {
        let handler = ExecutorConversation(duties: duties)
        try channel.pipeline.syncOperations.addHandlers([
            ByteToMessageHandler(FrameDecoder()), MessageToByteHandler(FrameEncoder()), handler,
        ])
        self.channel = channel
        conversation = NIOLoopBound(handler, eventLoop: channel.eventLoop)
    }

    /// Sends a request and waits for its answer, no longer than this.
    ///
    /// - Parameters:
    ///   - sent: called when the request is on its way.
    ///   - make: makes the request from its number and its deadline in milliseconds.
    func request(
        within limit: Duration, sent: @escaping @Sendable () -> Void = {},
        _ make: @escaping @Sendable (_ id: Int, _ deadline: Int) -> ControlMessage
    ) async throws -> ControlMessage {
        try await channel.eventLoop.flatSubmit { [channel, conversation] in
            conversation.value.ask(make, within: limit, sent: sent, on: channel)
        }.get()
    }

    /// Ends the connection, and with it the lease.
    func close() {
        channel.close(promise: nil)
    }
}
