import ControlProtocol
import Foundation
import NIOCore
import NIOPosix

/// What the two processes of an engine tell each other, over `input_socket`: the core connects when it is ready; after
/// that, each byte from the front end is a request that it took (sent only where `sim-crash-after-requests` wants it).
enum EngineLink {
    /// The core's side: connects, and dies when so many requests were taken.
    static func reportReady(to path: String, crashAfterRequests: Int?) async throws {
        // Both processes start at the same moment: the front end may not be there yet. If it never is, because it ended,
        // the watch over it ends this process too.
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                _ = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(
                                RequestCounter(crashAfterRequests: crashAfterRequests))
                        }
                    }
                    .connect(unixDomainSocketPath: path).get()
                return
            } catch {
                guard ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(2))
            }
        }
    }

    /// The front end's side; listens to the end of the process.
    final class Listener: Sendable {
        private let core: EventLoopPromise<any Channel>

        init(path: String) async throws {
            let core = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: (any Channel).self)
            self.core = core
            do {
                _ = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .childChannelInitializer { channel in
                        core.succeed(channel)
                        return channel.eventLoop.makeSucceededVoidFuture()
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
            core.futureResult.whenSuccess { $0.writeAndFlush(ByteBuffer(integer: UInt8(1)), promise: nil) }
        }
    }
}

/// The core's end of the link.
private final class RequestCounter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var left: Int?

    init(crashAfterRequests: Int?) {
        left = crashAfterRequests
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let before = left else { return }
        let after = before - Self.unwrapInboundIn(data).readableBytes
        left = after
        if after <= 0 { crash("sim-crash-after-requests") }
    }
}
