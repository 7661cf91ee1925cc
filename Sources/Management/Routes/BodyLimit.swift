import Hummingbird
import NIOCore
import Scheduling

/// No route needs much of a body; one that is too large is refused before anything is done. What is left is in memory.
struct BodyLimit: RouterMiddleware {
    typealias Context = BasicRequestContext

    static let bytes = 64 * 1024

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var request = request
        do {
            _ = try await request.collectBody(upTo: Self.bytes)
        } catch is NIOTooManyBytesError {
            throw ControllerError(
                .tooLarge, "The body is larger than \(Self.bytes / 1024) KiB; no management request needs that much.")
        }
        return try await next(request, context)
    }
}
