import { createFileRoute } from '@tanstack/react-router'
import { RouteMissing } from '@app/shared/route-trouble'

/** Any other address of a signed-in person: no such screen, with the way on around it. */
export const Route = createFileRoute('/_app/$')({ component: RouteMissing })
