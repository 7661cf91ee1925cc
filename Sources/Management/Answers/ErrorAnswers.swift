import Hummingbird
import Logging
import Scheduling

/// Turns whatever a route throws into an answer.
struct ErrorAnswers: RouterMiddleware {
    typealias Context = BasicRequestContext

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as ControllerError {
            return try .error(error)
        } catch let error as HTTPError where error.status == .notFound {
            // The router's own error: no route has this path.
            return try .error(
                ControllerError(
                    .notFound, "There is nothing at \(request.uri.path); see the list of routes in the documentation."))
        } catch {
            context.logger.error(
                "A management request failed", metadata: ["error": "\(error)", "path": "\(request.uri.path)"])
            return try .error(
                ControllerError(.internal, "The controller failed to answer (\(error)); its log may say more."))
        }
    }
}
